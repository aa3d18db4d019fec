/** The list of a group's instances, with what both snapshots say of each. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Columns, Task } from "../../api/types";
import { alignedFormat, fixed, integer } from "../../draw/format";
import type { Change } from "../../layout/changes";
import { byFalling } from "../../layout/classes";
import { pairs } from "../../state/compared";
import { columns, hasTexts, snapshot } from "../../state/data";
import { hasSeveralLabels, labelName } from "../../state/derived";
import { Name } from "../controls/Name";
import { ClassName } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { useTexts } from "../controls/texts";
import { InstanceLines } from "./InstanceLines";
import { useVirtualList } from "./virtualList";

const [LINE, NAMES, TEXT] = [24, 20, 20];

/** The number whose change orders the list, of one instance in one snapshot. */
function measure(task: Task | undefined, known: Columns): (index: number) => number {
  if (task === "regression") return (index) => (known.prediction[index] as number) - (known.label[index] as number);
  if (task === "classification") return (index) => known.label_score[index] as number;
  return (index) => (hasSeveralLabels(task) ? known.loss : known.score)[index] as number;
}

/** The largest change first. */
function orderOf({ indices }: Change, task: Task | undefined, first: Columns, second: Columns): Int32Array {
  const [before, after] = [measure(task, first), measure(task, second)];
  const absolute = task === "regression" ? Math.abs : (value: number): number => value;
  const change = Float32Array.from(first.ids, (_, index) => Math.abs(absolute(after(index)) - absolute(before(index))));
  return byFalling(indices.slice(), change);
}

const HEADS: Record<Task, readonly [string, string]> = {
  classification: ["label", "p(label)"],
  regression: ["target", "error"],
  ranking: ["label", "score"],
  multilabel: ["", "loss"],
  tokens: ["", "loss"],
  none: ["", "score"],
};

/** The group's instances: label, both predictions, and both probabilities of the label or errors. */
export function GroupList({ group }: { group: Change }): JSX.Element | null {
  const [first, second, task] = [columns.value.value, pairs.value?.columns, snapshot.value.value?.task];
  const indices = useMemo(
    () => (first && second ? orderOf(group, task, first, second) : new Int32Array(0)),
    [group, task, first, second],
  );
  // Long names of classes stand below the rest.
  const long = task === "classification" && (snapshot.value.value?.class_names ?? []).some((name) => name.length > 6);
  const line = LINE + (long ? NAMES : 0) + (hasTexts.value ? TEXT : 0);
  const list = useVirtualList(line, indices.length);
  const texts = useTexts(Array.from(indices.subarray(list.from, list.to)));
  const written = useMemo(
    () =>
      first && task && task !== "classification" ? alignedFormat(Array.from(indices, measure(task, first))) : fixed,
    [first, task, indices],
  );
  if (!first || !second || !task) return null;
  const [label, number] = HEADS[task];
  const predicted = task === "classification" || task === "none";
  const predictionOf = (value: number): JSX.Element | string =>
    task === "classification" ? <ClassName index={value} /> : labelName(value);
  return (
    <section
      class={`list pair ${task}${long ? " names" : ""}${texts ? " said" : ""}`}
      aria-label={`${group.name}: ${indices.length} instances`}
      style={{ "--line": `${line}px` }}
    >
      <div class="list-head" title="The largest change first">
        <span class="list-title cut">
          <b>{group.name}</b> <span class="second">{integer(indices.length)}</span>
        </span>
        <span class="list-label">{label}</span>
        <span class="list-prediction">{predicted && "first"}</span>
        <span class="list-prediction">{predicted && "second"}</span>
        <span class="pair-numbers">{number === "p(label)" ? <Term name="label score">p(label)</Term> : number}</span>
      </div>
      <InstanceLines label={group.name} indices={indices} line={line} list={list} texts={texts}>
        {(index) => {
          const name = labelName(first.label[index]);
          return (
            <>
              <span class="list-label cut" title={name}>
                {label && <Name name={name} />}
              </span>
              <span class="list-prediction">{predicted && predictionOf(first.prediction[index] as number)}</span>
              <span class="list-prediction">{predicted && predictionOf(second.prediction[index] as number)}</span>
              <span class="pair-numbers">
                <span>{written(measure(task, first)(index))}</span> <span>{written(measure(task, second)(index))}</span>
              </span>
            </>
          );
        }}
      </InstanceLines>
    </section>
  );
}
