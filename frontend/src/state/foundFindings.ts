/** What was found in the snapshot that is shown, and in the compared one. Loaded after the first picture. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { EvidenceQuery, SnapshotRef } from "../api/source";
import type { Columns, Evidence, Findings, JobAction } from "../api/types";
import { identityOf, keysOf, type Listed } from "../draw/findingWords";
import { percent } from "../draw/format";
import { indicesIn } from "../layout/confusion";
import { apart } from "./apart";
import { cellExpression, countConfusion } from "./confusion";
import { comparedSnapshot, currentSnapshot, nearest, runs, steps } from "./currentSnapshot";
import { columnAnswers, currentSource, layers, snapshot } from "./data";
import { labelName } from "./derived";
import { mainConfusion } from "./headline";
import { Requests, type Resource, resource } from "./loads";
import { playing } from "./play";
import { chosenFinding, compare, findingsPlace, hiddenFindings } from "./view";

/** `attempt`: how often the user started it. */
type SearchQuery = SnapshotRef & { attempt: number };

const [EVERY_MS, REST_MS] = [500, 300];

/** Starts a search and asks how it goes until it is done or cancelled. Aborting also ends it on the server. */
async function follow(
  { attempt, ...at }: SearchQuery,
  abort: AbortSignal,
  onFirst: (first: Findings) => void,
): Promise<Findings> {
  let running = false;
  try {
    for (let action: JobAction | undefined, isFirst = true; ; isFirst = false) {
      const answer = await currentSource().findings(at, abort, action);
      const again = isFirst && answer.state === "cancelled" && attempt > 0;
      if (answer.state === "done" || (answer.state === "cancelled" && !again)) return answer;
      action = answer.state === "not_started" || again ? "start" : undefined;
      running = true;
      onFirst(answer);
      if (action) continue;
      await new Promise((resolve) => {
        setTimeout(resolve, EVERY_MS);
        abort.addEventListener("abort", resolve, { once: true });
      });
      abort.throwIfAborted();
    }
  } catch (error) {
    if (abort.aborted && running) cancelAt(at);
    throw error;
  }
}

function cancelAt(at: SnapshotRef): void {
  currentSource()
    .findings(at, new AbortController().signal, "cancel")
    .catch(() => undefined);
}

const searches = new Requests(follow, 64);
const attempt = signal(0);

/** The snapshot whose findings are listed. */
export const foundPlace: ReadonlySignal<SnapshotRef | null> = computed(() => {
  const [now, { step }] = [currentSnapshot.value, findingsPlace.value];
  return now && step !== null && steps.value.some((one) => one.step === step) ? { ...now, step } : now;
});

/** The compared one. */
export const comparedPlace: ReadonlySignal<SnapshotRef | null> = computed(() => {
  const [target, here] = [compare.value, foundPlace.value];
  const other = target && runs.value?.runs.find(({ name }) => name === target.run);
  const step = other && here && nearest(other.steps, target.step ?? here.step);
  return step && comparedSnapshot.value ? { run: other.name, step: step.step } : null;
});

/** What is asked for, once it rests: a snapshot that is only passed through is not searched. */
const asked = signal<SnapshotRef | null>(null);

/** Returns a function that stops it. */
export function followFindings(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const place = foundPlace.value;
    clearTimeout(timer);
    if (playing.value || snapshot.value.status === "pending") return;
    if (place?.run !== asked.peek()?.run) asked.value = null;
    timer = setTimeout(() => (asked.value = place), asked.peek() ? REST_MS : 0);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

export const found: Resource<SearchQuery, Findings> = resource(
  () => asked.value && { ...asked.value, attempt: attempt.value },
  searches,
);

/** Of the compared snapshot; asked for while the list is open. */
export const comparedFound: Resource<SearchQuery, Findings> = resource(
  () => (findingsPlace.value.open && comparedPlace.value ? { ...comparedPlace.value, attempt: attempt.value } : null),
  searches,
);

export function startAgain(): void {
  attempt.value++;
}

/** Ends the searches that go on. What they found so far stays. */
export function cancelSearch(): void {
  for (const { value } of [found, comparedFound]) if (value.status === "pending" && value.query) cancelAt(value.query);
}

/** The instances of the listed findings, and of the compared ones. */
export const foundColumns = resource(() => foundPlace.value, columnAnswers);

/** Kinds that are instances to look at, without a cause; and parts of a layer that do nothing, and what a model knows. */
const [TO_LOOK_AT, BEHIND]: readonly string[][] = [
  ["error-region", "label-suspect"],
  ["dead", "decodable", "concept"],
];
/** From this share of dead neurons on, a layer says why everything is wrong. */
const MOST_DEAD = 0.5;

/** 0: what is broken; then the main confusion; 1: what to look at; 2: the rest. Strengths of different kinds are no one scale. */
const weight = ({ kind, strength }: Listed): number =>
  BEHIND!.includes(kind) && !(kind === "dead" && strength >= MOST_DEAD) ? 2 : TO_LOOK_AT!.includes(kind) ? 1 : 0;

/** The main confusion, as one of what was found. */
function confusionFinding(known: Columns | null): Listed | null {
  const counts = known?.correct.some((value) => value !== 255) ? countConfusion(known, snapshot.value.value) : null;
  const most = counts && mainConfusion(counts);
  if (!known || most?.kind !== "confusion") return null;
  const { label, prediction, count, of, alike } = most;
  const by = apart.value;
  const title = `${labelName(label)} is taken for ${labelName(prediction)}`;
  const share = percent(count / Math.max(1, of), count < 0.095 * of ? 1 : 0);
  return {
    kind: "confusion",
    title,
    sentence: `${title} in ${count} of ${of} (${share}), ${alike ? "as often as any other confusion" : "the most frequent confusion"}.`,
    strength: count / Math.max(1, of),
    p: null,
    subset: cellExpression({ label, prediction }),
    layer: by?.label === label && by.prediction === prediction && by.isAboveChance ? by.layer : null,
    target: null,
    neurons: [],
    instances: Array.from(indicesIn(known.label, known.prediction, { label, prediction })),
    step: null,
  };
}

/** One of the list. `side`: in a comparison, whether the compared snapshot has it, too. */
export interface Entry {
  key: string;
  finding: Listed;
  side: "new" | "gone" | "both" | null;
  /** Whether it does not come before the main confusion. */
  behind: boolean;
}

/** All, hidden ones too: what is new in the compared snapshot first, then what is gone there, then the rest. */
export const entries: ReadonlySignal<readonly Entry[]> = computed(() => {
  const known = found.value.value;
  if (!known) return [];
  const own: Listed[] = known.findings.toSorted((a, b) => weight(a) - weight(b));
  const comparing = findingsPlace.value.open && comparedPlace.value !== null;
  if (!comparing) {
    const confusion = confusionFinding(foundColumns.value.value);
    if (confusion) own.splice(own.filter((one) => weight(one) === 0).length, 0, confusion);
  }
  const listed = (list: readonly Listed[], sideOf: (one: Listed) => Entry["side"]): Entry[] => {
    const keys = keysOf(list);
    return list.map((finding, i) => ({
      key: keys[i]!,
      finding: { ...finding, title: finding.title.replace(/^errors/, "Errors") },
      side: sideOf(finding),
      behind: weight(finding) === 2,
    }));
  };
  const theirs = comparing ? comparedFound.value.value : null;
  if (!theirs) return listed(own, () => null);
  const [here, there] = [own, theirs.findings as readonly Listed[]].map((list) => new Set(list.map(identityOf)));
  const added = listed(theirs.findings, (one) => (here!.has(identityOf(one)) ? null : "new"));
  const mine = listed(own, (one) => (there!.has(identityOf(one)) ? "both" : "gone"));
  return [
    ...added.filter(({ side }) => side === "new"),
    ...mine.filter(({ side }) => side === "gone"),
    ...mine.filter(({ side }) => side === "both"),
  ];
});

export const isHidden = ({ key }: Entry): boolean => hiddenFindings.value?.includes(key) ?? false;

/** Those that are listed. */
export const visible: ReadonlySignal<readonly Entry[]> = computed(() => entries.value.filter((one) => !isHidden(one)));

/** The one that is said and shown: the chosen one, else the first. Null where the usual sentence says more. */
export const shownEntry: ReadonlySignal<Entry | null> = computed(() => {
  const list = visible.value;
  const chosen = list.find(({ key }) => key === chosenFinding.value);
  if (chosen) return chosen;
  const [first] = list;
  return first && (!first.behind || findingsPlace.value.open) ? first : null;
});

const evidences = new Requests(
  ({ run, step, ...about }: SnapshotRef & EvidenceQuery, abort): Promise<Evidence> =>
    currentSource().evidence({ run, step }, about, abort),
  64,
);

/** Where an entry was found: another run, which may be the one shown by now, need not have it. */
export const placeOf = ({ side }: Entry): SnapshotRef | null => (side === "new" ? comparedFound : found).value.query;

/** What the shown finding rests on. */
export const evidence: Resource<SnapshotRef & EvidenceQuery, Evidence> = resource(() => {
  const entry = findingsPlace.value.open ? shownEntry.value : null;
  const place = entry && placeOf(entry);
  if (!place || entry.finding.kind === "confusion") return null;
  const { kind, subset, layer, target } = entry.finding;
  return {
    ...place,
    kind,
    ...(subset !== null && { subset }),
    ...(layer !== null && { layer }),
    ...(target !== null && { target }),
  };
}, evidences);

/** Neurons of the layer of a finding. */
export const neuronsOf = ({ layer }: Listed): number | undefined => layers.value.get(layer ?? "")?.neurons;
