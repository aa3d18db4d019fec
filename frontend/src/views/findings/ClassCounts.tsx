/** The instances of a finding by their label, and how many of each are wrong. */

import type { JSX } from "preact";
import type { Columns } from "../../api/types";
import { integer } from "../../draw/format";
import { currentSnapshot } from "../../state/currentSnapshot";
import { columns, snapshot, whereOf } from "../../state/data";
import { labelName } from "../../state/derived";
import { type Entry, placeOf } from "../../state/foundFindings";
import { hovering } from "../../state/hover";
import { subsetKey } from "../../state/rowKeys";
import { ClassName } from "../controls/Swatch";

/** Classes that are shown. */
const MOST = 12;

export interface ClassCount {
  label: number;
  n: number;
  wrong: number;
}

/** By label, those with most errors first. `target`: what counts as wrong is to be taken for this class. */
export function countClasses(
  { label, correct, prediction }: Pick<Columns, "label" | "correct" | "prediction">,
  indices: ArrayLike<number>,
  target: number | null,
): ClassCount[] {
  const found = new Map<number, ClassCount>();
  for (const index of Array.from(indices)) {
    const own = label[index] ?? -1;
    if (own < 0 || correct[index] === 255) continue;
    const one = found.get(own) ?? { label: own, n: 0, wrong: 0 };
    one.n++;
    if (target === null ? correct[index] === 0 : prediction[index] === target) one.wrong++;
    found.set(own, one);
  }
  return [...found.values()].sort((a, b) => b.wrong - a.wrong || b.n - a.n || a.label - b.label);
}

/** A column per class: as high as it has instances there, dark as far as they are wrong. */
export function ClassCounts({ entry }: { entry: Entry }): JSX.Element | null {
  const { kind, subset, instances, target } = entry.finding;
  const [known, shown, place] = [columns.value.value, snapshot.value.value, placeOf(entry)];
  const isOfShown = place?.run === currentSnapshot.value?.run && place?.step === currentSnapshot.value?.step;
  if (!known || shown?.task !== "classification" || !isOfShown) return null;
  if (kind !== "failing-slice" && kind !== "shortcut" && kind !== "error-region") return null;
  const indices = kind === "error-region" ? instances : whereOf(subset ?? "").value.value?.indices;
  if (!indices) return null;
  const sampled = Array.from(indices).filter((index) => index < shown.sample_size);
  const all = countClasses(known, sampled, target === null ? null : shown.class_names.indexOf(target));
  const largest = Math.max(1, ...all.map(({ n }) => n));
  return (
    <ul class="finding-classes" aria-label="By class">
      {all.slice(0, MOST).map(({ label, n, wrong }) => (
        <li key={label} {...hovering({ row: subsetKey(labelName(label)) })}>
          <span class="finding-class cut">
            <ClassName index={label} />
          </span>
          <span class="finding-column" aria-hidden="true">
            <span style={{ height: `${(100 * n) / largest}%` }}>
              <span style={{ height: `${(100 * wrong) / n}%` }} />
            </span>
          </span>
          <span class="caption">
            {integer(wrong)}/{integer(n)}
            <span class="hidden-text"> {target === null ? "wrong" : `taken for ${target}`}</span>
          </span>
        </li>
      ))}
      {all.length > MOST && <li class="second finding-more">and {integer(all.length - MOST)} more</li>}
    </ul>
  );
}
