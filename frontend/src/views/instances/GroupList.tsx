/** The list of a group's instances, with what both snapshots say of each. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Columns, Task } from "../../api/types";
import { alignedFormat, fixed, integer } from "../../draw/format";
import type { Change } from "../../layout/changes";
import { byFalling } from "../../layout/classes";
import { clickInstance } from "../../state/actions";
import { pairs } from "../../state/compared";
import { columns, hasTexts, snapshot } from "../../state/data";
import { hasSeveralLabels, instanceName, labelName, pinned, shortOf } from "../../state/derived";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { selection } from "../../state/view";
import { InstanceText } from "../controls/InstanceText";
import { Name } from "../controls/Name";
import { ClassName, Thumbnail } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { useTexts } from "../controls/texts";
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
  const { ref, from, to, onScroll, show } = useVirtualList(line, indices.length);
  const texts = useTexts(Array.from(indices.subarray(from, to)));
  const written = useMemo(
    () =>
      first && task && task !== "classification" ? alignedFormat(Array.from(indices, measure(task, first))) : fixed,
    [first, task, indices],
  );
  if (!first || !second || !task) return null;
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const { instance } = hover.peek();
    const at = instance === undefined ? -1 : indices.indexOf(instance);
    if (by !== undefined) {
      const next = Math.max(0, Math.min(indices.length - 1, at + by));
      const index = indices[next];
      if (index === undefined) return;
      setHover({ instance: index });
      show(next);
    } else if (event.key === "Enter" && at >= 0) clickInstance(indices[at] as number);
    else return;
    event.preventDefault();
  };
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
      <div
        ref={ref}
        class="list-scroll"
        tabIndex={0}
        role="listbox"
        aria-label={group.name}
        onScroll={onScroll}
        onKeyDown={keys}
        onPointerLeave={clearHover}
        onBlur={clearHover}
      >
        <div style={{ height: `${indices.length * line}px` }}>
          {Array.from(indices.subarray(from, to), (index, i) => {
            const isSelected = selection.value?.kind === "instance" && selection.value.index === index;
            const strong = isSelected || hoveredInstance.value === index;
            const name = labelName(first.label[index]);
            return (
              <div
                key={index}
                role="option"
                aria-selected={isSelected}
                class={`list-row${strong ? " lit" : ""}${strong || pinned.value.includes(index) ? " strong" : ""}`}
                style={{ top: `${(from + i) * line}px` }}
                onClick={() => clickInstance(index)}
                onPointerEnter={() => setHover({ instance: index })}
              >
                {texts && (
                  <span class="list-text cut" dir="auto">
                    <InstanceText text={texts.get(index) ?? "…"} room={40} />
                  </span>
                )}
                <span class={`list-name${texts ? " second" : ""}`}>
                  <Thumbnail index={index} size={20} />
                  <span class="cut">{instanceName(index)}</span>
                </span>
                <span class="list-label cut" title={name}>
                  {label && <Name name={name} short={shortOf(name)} />}
                </span>
                <span class="list-prediction">{predicted && predictionOf(first.prediction[index] as number)}</span>
                <span class="list-prediction">{predicted && predictionOf(second.prediction[index] as number)}</span>
                <span class="pair-numbers">
                  <span>{written(measure(task, first)(index))}</span>{" "}
                  <span>{written(measure(task, second)(index))}</span>
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}
