import { effect } from "@preact/signals";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { fixtureSource } from "../../fixture/source";
import type { Finding, Findings, JobAction } from "../../src/api/types";
import { chooseCompare, chooseStep, select } from "../../src/state/actions";
import { currentSnapshot } from "../../src/state/currentSnapshot";
import { columns, rows, setSource, snapshot } from "../../src/state/data";
import { letters, rowName } from "../../src/state/derived";
import {
  hideFinding,
  openFinding,
  openFindings,
  showFinding,
  stepFinding,
  unhideFinding,
} from "../../src/state/findingActions";
import {
  cancelSearch,
  entries,
  followFindings,
  found,
  foundColumns,
  shownEntry,
  startAgain,
  visible,
} from "../../src/state/foundFindings";
import { highlighted } from "../../src/state/members";
import { refreshRuns } from "../../src/state/poll";
import { decode, encode } from "../../src/state/url";
import { findingsPlace, hiddenFindings, panel, selection } from "../../src/state/view";

const of = (fields: Partial<Finding>): Finding => ({
  kind: "failing-slice",
  title: "stroke > 20 fails",
  sentence: "stroke > 20: 9 of 30 wrong (30 %), 2.0 % expected from its classes elsewhere; p = .005 over 9 candidates.",
  strength: 0.4,
  p: 0.005,
  subset: "stroke > 20",
  layer: null,
  target: null,
  neurons: [],
  instances: [3, 5],
  step: 200,
  ...fields,
});
const DEAD = of({
  kind: "dead",
  title: "2 neurons of head.fc1 died at step 120",
  subset: null,
  p: null,
  layer: "head.fc1",
});
const HERE = [{ ...DEAD, neurons: [4, 7], strength: 0.1, step: 120, instances: [] }, of({})];
const THERE = [of({ step: 100, strength: 0.2 }), { ...DEAD, layer: "stem", neurons: [1], step: 40, instances: [] }];

/** What the server does: complete at once, or a job. */
const server: { state: Findings["state"] | null; actions: (JobAction | undefined)[] } = { state: null, actions: [] };

const settled = (ready: () => boolean): Promise<void> => vi.waitFor(() => expect(ready()).toBe(true), 10_000);
let stops: (() => void)[];
let start: Map<string, string>;

beforeAll(async () => {
  const source = fixtureSource();
  setSource({
    ...source,
    findings: async ({ run }, _, action) => {
      server.actions.push(action);
      if (server.state !== null && action) server.state = action === "start" ? "running" : "cancelled";
      const state = server.state ?? "done";
      const findings = run === "digits-cnn" ? HERE : THERE;
      return { findings: state === "done" ? findings : findings.slice(1), notes: [], state, progress: 0.25 };
    },
  });
  await refreshRuns();
  decode(new Map([["run", "digits-cnn"]]));
  start = encode();
  stops = [
    effect(() => void [found.value, entries.value, shownEntry.value, highlighted.value, snapshot.value, columns.value]),
    effect(() => void [rows.value, foundColumns.value]),
    followFindings(),
  ];
  await settled(() => found.value.status === "ready" && foundColumns.value.status === "ready");
}, 30_000);
beforeEach(() => decode(start));
afterAll(() => stops.forEach((stop) => stop()));

const kinds = (): string[] => visible.value.map(({ finding }) => finding.kind);

describe("the findings of a snapshot", () => {
  it("have what is broken first, then the main confusion, then dead neurons", () => {
    expect(kinds()).toEqual(["failing-slice", "confusion", "dead"]);
    expect(shownEntry.value?.finding.title).toBe("stroke > 20 fails");
    const confusion = visible.value[1]!.finding;
    const known = columns.value.value!;
    const [label, prediction] = confusion.title.split(" is taken for ").map(Number);
    const wrong = Array.from(known.label, (_, i) => i).filter(
      (i) => known.label[i] === label && known.prediction[i] === prediction,
    );
    expect(confusion.instances).toEqual(wrong);
    expect(confusion.sentence).toContain(
      `in ${wrong.length} of ${known.label.filter((one) => one === label).length} (`,
    );
  });

  it("are opened in one change: rows A and B, marked and selected instances, colours of correctness", () => {
    let changes = 0;
    const stop = effect(() => {
      encode();
      changes++;
    });
    openFinding(visible.value[0]!);
    expect(changes).toBe(2);
    stop();
    expect(rows.value.slice(0, 2).map(rowName)).toEqual(["stroke > 20", "not stroke > 20"]);
    expect(letters.value).toEqual({ a: "e:stroke > 20", b: "e:not stroke > 20" });
    expect(selection.value).toEqual({ kind: "subset", key: "e:stroke > 20" });
    expect(findingsPlace.value).toEqual({ open: true, step: null, row: "e:stroke > 20" });
    // A second time, nothing is made twice.
    const count = rows.value.length;
    openFinding(visible.value[0]!);
    expect(rows.value.length).toBe(count);
    // All of it is in the link.
    const link = encode();
    decode(start);
    expect(findingsPlace.value.open).toBe(false);
    expect(rows.value.length).toBe(count - 2);
    decode(link);
    expect(encode()).toEqual(link);
    expect(rows.value.length).toBe(count);
    expect(panel("head.fc1").colour.value === "correct" || panel("head.relu").colour.value === "correct").toBe(true);
  });

  it("go to the step at which something happened, while the list stays that of the step before", async () => {
    const shown = currentSnapshot.value!.step;
    openFinding(visible.value.at(-1)!);
    expect(currentSnapshot.value!.step).toBe(120);
    expect(findingsPlace.value.step).toBe(shown);
    expect(selection.value).toEqual({ kind: "neuron", layer: "head.fc1", neuron: 4 });
    // Back to one that holds at the listed step.
    openFinding(visible.value.find(({ finding }) => finding.kind === "failing-slice")!);
    expect(currentSnapshot.value!.step).toBe(shown);
    expect(findingsPlace.value.step).toBe(null);
  });

  it("are gone through without changing what is drawn, and around", () => {
    openFindings();
    const before = rows.value;
    stepFinding(1);
    expect(shownEntry.value?.finding.kind).toBe("confusion");
    stepFinding(1);
    stepFinding(1);
    expect(shownEntry.value?.finding.kind).toBe("failing-slice");
    stepFinding(-1);
    expect(shownEntry.value?.finding.kind).toBe("dead");
    expect(rows.value).toBe(before);
  });

  it("leave their place to what is looked at in the drawer", () => {
    openFindings();
    select({ kind: "instance", index: 3 });
    expect(findingsPlace.value.open).toBe(false);
  });

  it("are hidden in the link, and listed again", () => {
    const { key } = visible.value[0]!;
    showFinding(key);
    hideFinding(key);
    expect(kinds()).toEqual(["confusion", "dead"]);
    expect(shownEntry.value?.finding.kind).toBe("confusion");
    const link = encode();
    decode(start);
    expect(kinds().length).toBe(3);
    decode(link);
    expect(kinds()).toEqual(["confusion", "dead"]);
    unhideFinding(key);
    expect(hiddenFindings.value).toBe(null);
    expect(kinds().length).toBe(3);
  });

  it("are compared by what they are about: new, gone, in both", async () => {
    openFindings();
    chooseCompare({ run: "digits-wide", step: null });
    await settled(() => visible.value.some(({ side }) => side !== null));
    expect(visible.value.map(({ side, finding }) => [side, finding.kind, finding.layer])).toEqual([
      ["new", "dead", "stem"],
      ["gone", "dead", "head.fc1"],
      ["both", "failing-slice", null],
    ]);
    // One of the other run keeps this run and its step.
    const before = currentSnapshot.value;
    openFinding(visible.value[0]!);
    expect(currentSnapshot.value).toEqual(before);
  });

  it("of a long search are shown so far; it can be ended, and started again", async () => {
    server.state = "not_started";
    server.actions.length = 0;
    chooseStep(60);
    await settled(() => found.value.value?.state === "running");
    expect(server.actions).toContain("start");
    expect(found.value.status).toBe("pending");
    expect(visible.value.map(({ finding }) => finding.kind)).toContain("failing-slice");
    cancelSearch();
    await settled(() => found.value.status === "ready");
    expect(found.value.value?.state).toBe("cancelled");
    startAgain();
    await settled(() => found.value.value?.state === "running");
    server.state = "done";
    await settled(() => found.value.status === "ready" && found.value.value?.state === "done");
    expect(kinds()).toContain("dead");
    // Who leaves the step ends the search that goes on there.
    server.state = "not_started";
    chooseStep(80);
    await settled(() => found.value.value?.state === "running" && found.value.query?.step === 80);
    server.actions.length = 0;
    chooseStep(100);
    await settled(() => server.actions.includes("cancel"));
    server.state = null;
  }, 30_000);
});
