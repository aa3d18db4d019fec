/** Labels and headings of the blocks in the Classes tab. */

import type { JSX } from "preact";
import { mapGradient } from "../../draw/colormap";
import { integer, percent, short, tick } from "../../draw/format";
import { widthOf } from "../../draw/text";
import { type Block, PAD } from "../../layout/classes";
import { clickInstance, select } from "../../state/actions";
import { snapshot } from "../../state/data";
import { hoveredRow, subsetsByName } from "../../state/derived";
import { clearHover, hover, setHover } from "../../state/hover";
import { type RowKey, subsetKey } from "../../state/rowKeys";
import { Icon } from "../controls/Icon";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { type Grouping, groupColumn } from "./grouping";

/** What groups are of, where that is not a column of the user's. */
const HEADS: Record<string, string> = { "": "Label", label: "Label", token: "Token" };

export type Blocked = Exclude<Grouping, { task: "none" }>;

/** Shown for a hovered class whose block is scrolled out of sight: its direction and numbers. */
export function Away({
  now,
  blocks,
  top,
  height,
}: {
  now: Blocked;
  blocks: readonly Block[];
  top: number;
  height: number;
}): JSX.Element | null {
  const key = hoveredRow.value;
  const block = key === null || height === 0 ? undefined : blocks.find(({ group }) => keyOf(now, group) === key);
  const side =
    block && (block.top + PAD + 16 > top + height ? "below" : block.top + block.height - PAD < top ? "above" : null);
  if (!block || !side) return null;
  const [good, bad] = [block.right.length, block.wrong.length];
  return (
    <div class={`classes-away ${side}`}>
      <Icon name={side === "above" ? "expandLess" : "expandMore"} size={14} />
      <Swatch index={block.group} />
      <b class="cut">
        <Name name={now.names[block.group] ?? ""} />
      </b>
      <span class="spring" />
      <span class="caption">
        {now.task === "classification" && now.judged ? `${integer(good)} right, ${integer(bad)} wrong` : integer(good)}
      </span>
    </div>
  );
}

/** The key of a block's row: its class's subset. */
export function keyOf(now: Blocked, group: number): RowKey | null {
  const name = now.names[group];
  return now.task === "classification" && name !== undefined && subsetsByName.value.get(name)?.kind === "class"
    ? subsetKey(name)
    : null;
}

/** Headings of the two sides, with their counts. */
export function Heads({
  now,
  label,
  wrong,
  per,
}: {
  now: Blocked | null;
  label: number;
  /** Where the marks of wrong predictions begin and end. */
  wrong: readonly [number, number] | null;
  per: number;
}): JSX.Element {
  if (!now) return <div class="classes-heads" />;
  const noted = (text: string): JSX.Element => (
    <span
      class="third"
      title={`A mark is ${integer(per)} instances, right or wrong, in every class. The last mark stands for those that are left.`}
    >
      {text}
    </span>
  );
  const note = per > 1 && noted(`1 mark is ${integer(per)}`);
  if (now.task === "regression") {
    return (
      <div class="classes-heads">
        <span>Target</span>
        <span style={{ left: `${label}px` }}>Instances{note && <> · {note}</>}</span>
        <span class="classes-scale">
          {snapshot.value.value?.task === "ranking" ? <Term name="rank error">rank error</Term> : "error"}{" "}
          {tick(-now.end)} <i style={{ background: mapGradient(true) }} /> {tick(now.end)}
        </span>
      </div>
    );
  }
  const first = `${now.judged ? "Right" : "Instances"} `;
  const after = label + widthOf(`${first}${integer(now.right)}  `, 12, 500);
  const end = wrong && Math.max(after, Math.min(wrong[0], wrong[1] - widthOf(`Wrong ${integer(now.wrong)}`, 12, 500)));
  // The note is beside the count, or where the names of classes leave no room there, above these; in few letters if they are short.
  const roomy = end === null || end - label > widthOf(`${first}${integer(now.right)} · 1 mark is ${per} `, 12, 500);
  return (
    <div class="classes-heads">
      <span>
        {roomy || !note
          ? (HEADS[groupColumn.value] ?? groupColumn.value)
          : widthOf(`1 mark is ${per} `, 12) < label
            ? note
            : noted(`▪ = ${integer(per)}`)}
      </span>
      <span style={{ left: `${label}px` }}>
        {first}
        <b>{integer(now.right)}</b>
        {roomy && note && <> · {note}</>}
      </span>
      {end !== null && (
        <span style={{ left: `${end}px` }}>
          Wrong <b>{integer(now.wrong)}</b>
        </span>
      )}
    </div>
  );
}

/** Name and accuracy of a block; arrow keys move through its instances. */
export function Label({ now, block, width }: { now: Blocked; block: Block; width: number }): JSX.Element {
  const { group, right, wrong } = block;
  const name = now.names[group] ?? "";
  const key = keyOf(now, group);
  const isHovered = key !== null && key === hoveredRow.value;
  const [good, bad] = [right.length, wrong.length];
  const second =
    now.task === "classification"
      ? now.judged && good + bad > 0 && name !== "–"
        ? percent(good / (good + bad))
        : good + bad === 0
          ? "none"
          : integer(good)
      : `± ${short(right.reduce((sum, index) => sum + Math.abs(now.errors[index] as number), 0) / Math.max(1, good))}`;
  const keys = (event: KeyboardEvent): void => {
    const all = [...right, ...wrong];
    const { instance } = hover.peek();
    const at = instance === undefined ? -1 : all.indexOf(instance);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by !== undefined) {
      const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
      if (next !== undefined) setHover({ instance: next });
    } else if (event.key === "Enter" && instance !== undefined && at >= 0) clickInstance(instance);
    else return;
    event.preventDefault();
  };
  const counted =
    now.task === "classification" && now.judged && name === "–"
      ? `${good} without a label`
      : `${good} right, ${bad} wrong`;
  const says =
    now.task === "classification"
      ? `${counted}. Arrow keys go through its instances, Enter pins.`
      : `${good} instances of this target. Arrow keys go through them, Enter pins.`;
  return (
    <button
      type="button"
      class={`classes-label${isHovered ? " here" : ""}`}
      style={{ top: `${block.top}px`, width: `${width}px` }}
      aria-description={says}
      onKeyDown={keys}
      onClick={() => key !== null && select({ kind: "subset", key })}
      onFocus={() => key !== null && setHover({ row: key })}
      onBlur={clearHover}
    >
      <span class="classes-name">
        {now.task === "classification" && <Swatch index={key === null ? -1 : group} />}
        <b class="cut" title={`${name}: ${says}`}>
          <Name name={name} />
        </b>
      </span>
      <span class="classes-share">{second}</span>
    </button>
  );
}
