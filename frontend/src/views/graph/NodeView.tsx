/** One node of the graph, as SVG. */

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { count, integer } from "../../draw/format";
import { cut, cutInside, widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import type { NodeChange } from "../../layout/graphChanges";
import { type Box, RADIUS, RADIUS_RECORDED, SHEETS } from "../../layout/graphDrawing";
import { nodeTitle, sharedInTitle } from "../../layout/graphNode";
import { isGroup, isStacked, recordedIn, type TreeNode } from "../../layout/graphTree";
import { openLayer } from "../../state/actions";
import { layers } from "../../state/data";
import { openLayers } from "../../state/derived";
import { clearHover, setHover } from "../../state/hover";
import { nodeChanges } from "../../state/nodeChanges";
import { type Rung, rungs } from "../../state/rungs";
import { ChangeMark, changeOf, MARK, saidIn } from "./ChangeMark";
import { boxKey, choose, focusedNode, isOpenGroup, searchHits, selectedNode, showMore, toggleOpen } from "./graphState";
import { hideTip, showTip } from "./graphTip";
import { type LayerRung, RungView, rungWidth } from "./RungView";
import { Joined, StripView } from "./StripView";

let waiting: ReturnType<typeof setTimeout> | undefined;

/** Background, dot, text and strip. All colours are attributes, so that they are kept in a saved picture. */
export function NodeView({
  box,
  item,
  place,
  siblings,
}: {
  box: Box;
  item: TreeNode;
  place: number;
  siblings: number;
}): JSX.Element {
  const { form, x, y, width, height } = box;
  const colours = tokens.value;
  const key = boxKey(box);
  // Computed signals, so that of hundreds of nodes only those that change are rendered again.
  const open = useComputed(() => openLayers.value.includes(item.key));
  const holds = useComputed(() => recordedIn(item).some((name) => openLayers.value.includes(name)));
  const mark = useComputed(() =>
    searchHits.value?.all.has(key)
      ? searchHits.value.keys[searchHits.value.at] === key
        ? 2
        : 1
      : Number(selectedNode.value === key),
  );
  const isFocused = useComputed(() => focusedNode.value === key);
  const rung = useComputed(() => (form === "more" ? undefined : rungOf(item, rungs.value)));
  const change = useComputed(() => (form === "more" ? undefined : changeOf(item, nodeChanges.value)));
  const marked = item.recorded && form !== "more" && open.value;
  const holding = form === "closed" && holds.value;
  const group = form === "open" || form === "closed";
  const headHeight = form === "open" ? (item.recorded ? 34 : 22) : height;
  const words = (
    <>
      <Ground box={box} item={item} />
      {(marked || holding) && <Mark box={box} item={item} own={marked} />}
      {mark.value ? (
        <rect
          x={x + 2}
          y={y + 1}
          width={width - 4}
          height={headHeight - 2}
          rx={4}
          fill="none"
          stroke={mark.value === 2 ? colours.accent : colours.text2}
          stroke-width={mark.value}
        />
      ) : null}
      {form === "more" ? (
        <More box={box} />
      ) : group ? (
        <Module box={box} item={item} marked={marked} rung={rung.value} change={change.value} />
      ) : (
        <Layer box={box} item={item} marked={marked} rung={rung.value} change={change.value} />
      )}
      <rect
        class="graph-focus"
        x={x + 1}
        y={y + 1}
        width={width - 2}
        height={headHeight - 2}
        rx={4}
        fill="none"
        stroke="none"
      />
    </>
  );
  const isOnRung = (event: MouseEvent): boolean => (event.target as Element).closest("[data-rung]") !== null;
  const act = (event: MouseEvent): void => {
    const toggle = (event.target as Element).closest("[data-toggle]");
    if (form === "more") showMore(box);
    else if (isOnRung(event)) openLayer(rung.value!.layer);
    else if (toggle) toggleOpen(item.key);
    else if (group) {
      // It may be the first click of a double click.
      clearTimeout(waiting);
      if (event.detail < 2) waiting = setTimeout(() => choose(item), 250);
    } else choose(item);
  };
  return (
    <g
      role="treeitem"
      id={`graph-${key}`}
      data-key={key}
      aria-description={spoken(box, item, marked || holding, [rung.value?.label, change.value?.label])}
      aria-level={box.level + 1}
      aria-setsize={siblings}
      aria-posinset={place + 1}
      aria-expanded={group ? isOpenGroup(item) : undefined}
      aria-selected={marked}
      tabindex={isFocused.value ? 0 : -1}
      class="graph-node"
      onClick={act}
      onDblClick={(event) =>
        group && !(event.target as Element).closest("[data-toggle], [data-rung]") && toggleOpen(item.key)
      }
      onPointerEnter={() => item.recorded && form !== "more" && setHover({ layer: item.key })}
      onPointerLeave={() => {
        clearHover();
        hideTip();
      }}
    >
      {words}
    </g>
  );
}

/** Its own figure; closed modules have that of their last layer, and are bold if the bold layer is in them. */
export function rungOf(item: TreeNode, known: ReadonlyMap<string, Rung>): LayerRung | undefined {
  if (known.size === 0 || item.inside === 0) return undefined;
  const names = isGroup(item) && !isOpenGroup(item) ? recordedIn(item) : [item.key];
  const layer = names.at(-1) ?? "";
  const own = known.get(layer);
  return own && { ...own, layer, bold: names.some((name) => known.get(name)?.bold) };
}

/** The accessible name: name, type and what is shown graphically. */
function spoken(box: Box, item: TreeNode, marked: boolean, further: (string | undefined)[]): string {
  if (box.form === "more") return `${integer(box.hidden)} hidden in ${item.name}`;
  const neurons = item.recorded ? layers.value.get(item.key)?.neurons : undefined;
  const parts = [
    (item.node && item.key) || item.name,
    item.repeats ?? (item.kind === "fold" ? `${item.type} × ${item.children.length}` : item.type),
  ];
  if (neurons !== undefined) parts.push("recorded", count(neurons, "neuron"), ...(marked ? ["panel open"] : []));
  else if (item.inside > 0) parts.push(`${item.inside} recorded inside`, ...(marked ? ["panel open"] : []));
  if (item.node?.branch) parts.push("not in every forward pass");
  return [...parts, ...further].filter((part, i) => part && (i === 0 || part !== item.name)).join(", ");
}

/** Modules have a filled background; nested ones alternate. Folded blocks are drawn on two more sheets. */
function Ground({ box: { form, x, y, width, height, level }, item }: { box: Box; item: TreeNode }): JSX.Element | null {
  const colours = tokens.value;
  if (form === "row" || form === "more") return <rect x={x} y={y} width={width} height={height} fill="transparent" />;
  const stacked = form === "closed" && isStacked(item);
  const bottom = y + height - (stacked ? SHEETS : 0);
  const sheet = (inset: number, top: number): string =>
    `M${x + inset} ${bottom + top}H${x + width - inset}q-2 2-7 2H${x + inset + 7}q-5 0-7-2Z`;
  return (
    <>
      <rect
        x={x}
        y={y}
        width={width}
        height={bottom - y}
        rx={5}
        fill={level % 2 === 0 ? colours.fill : colours.background}
      />
      {stacked && <path d={sheet(6, 2) + sheet(12, 5)} fill={colours.fill2} />}
    </>
  );
}

/** Open layers have an accent bar and background; closed modules that contain one have the bar only. */
function Mark({
  box: { form, x, y, width, height },
  item,
  own,
}: {
  box: Box;
  item: TreeNode;
  own: boolean;
}): JSX.Element {
  const colours = tokens.value;
  const tall =
    form === "row" ? 33 : form === "open" ? 33 : height - (form === "closed" && isStacked(item) ? SHEETS : 0) - 1;
  // It must not come between the two clicks of a double click.
  return (
    <g pointer-events="none">
      {own && <rect x={x + 4} y={y + 0.5} width={width - 8} height={tall} rx={4} fill={colours.accentWash} />}
      <rect x={x} y={y + 2.5} width={3} height={tall - 4} rx={1.5} fill={colours.accentFill} />
    </g>
  );
}

function Dot({ x, y, marked }: { x: number; y: number; marked: boolean }): JSX.Element {
  return <circle cx={x} cy={y} r={RADIUS_RECORDED} fill={marked ? tokens.value.accentFill : tokens.value.text2} />;
}

interface Words {
  box: Box;
  item: TreeNode;
  marked: boolean;
  rung: LayerRung | undefined;
  change: NodeChange | undefined;
}

/** The row's width for its rung: none for a bar where it would hide what differs. */
function roomOfRung(
  width: number,
  title: string,
  weight: number,
  rung: LayerRung | undefined,
  change: NodeChange | undefined,
): number {
  if (!change?.said) return width;
  return saidIn(change, width - rungWidth(rung, width) - widthOf(title, 12, weight) - MARK) ? width : 0;
}

function Layer({ box, item, marked, rung, change }: Words): JSX.Element {
  const { x, y, width, rail } = box;
  const colours = tokens.value;
  const middle = y + 10.5;
  const right = x + width - 8;
  const left = rail + 12;
  const title = nodeTitle(item);
  const type = title === item.name ? typeText(item) : "";
  const end = (item.kind === "input" || item.kind === "output") && item.depth === 0;
  const weight = item.recorded ? 500 : 400;
  const rungRoom = roomOfRung(right - left, title, weight, rung, change);
  const room = right - left - rungWidth(rung, rungRoom);
  const name = cutInside(title, room - (change ? MARK : 0), 12, weight, sharedInTitle(item));
  const nameEnd = left + widthOf(name, 12, weight);
  const wordsAt = nameEnd + (change ? MARK : 10);
  const free = left + room - wordsAt;
  const neurons = item.recorded ? integer(layers.value.get(item.key)?.neurons) : "";
  const typed = change?.said ? saidIn(change, free) : typeAndNumber(type, neurons, free);
  const branch = item.node?.branch ? "1.6 1.4" : undefined;
  const whole = [type, neurons].filter(Boolean).join(" · ");
  return (
    <g
      onPointerEnter={
        name === title && typed === whole
          ? undefined
          : (event: PointerEvent) =>
              showTip(event.currentTarget as Element, tipText(item, type, neurons, change?.label))
      }
    >
      {item.recorded ? (
        <Dot x={rail} y={middle} marked={marked} />
      ) : (
        <circle
          cx={rail}
          cy={middle}
          r={end ? 4 : RADIUS}
          fill="none"
          stroke={colours.outline}
          stroke-width={end ? 1.75 : 1.5}
          stroke-dasharray={branch}
        />
      )}
      <text
        x={left}
        y={middle + 4.2}
        font-size={12}
        font-weight={weight}
        fill={item.recorded ? colours.text : colours.text2}
      >
        {name}
      </text>
      {change && <ChangeMark change={change} x={nameEnd} y={middle} />}
      {item.recorded ? (
        <>
          <text x={wordsAt} y={middle + 4.2} font-size={12} fill={change ? colours.text : colours.text2}>
            {typed}
          </text>
          {rung && <RungView rung={rung} right={right} middle={middle} room={rungRoom} />}
          <StripView name={item.key} x={left} y={y + 20} width={right - left} />
        </>
      ) : (
        <text x={right} y={middle + 4.2} font-size={12} text-anchor="end" fill={change ? colours.text : colours.text2}>
          {typed}
        </text>
      )}
    </g>
  );
}

function Module({ box, item, marked, rung, change }: Words): JSX.Element {
  const { form, x, y, width, rail } = box;
  const colours = tokens.value;
  const [middle, right] = [y + 11, x + width - 8];
  const wide = form === "open";
  const left = rail + (item.recorded ? 12 : 0);
  const title = nodeTitle(item);
  const rungRoom = roomOfRung(right - left, title, 500, rung, change);
  const room = right - left - rungWidth(rung, rungRoom);
  const name = cutInside(title, room - (change ? MARK : 0), 12, 500, sharedInTitle(item));
  const nameEnd = left + widthOf(name, 12, 500);
  const alone = item.recorded && (wide || item.inside === 1);
  const number = alone
    ? integer(layers.value.get(item.key)?.neurons)
    : wide || item.inside === 0
      ? ""
      : `${integer(item.inside)} recorded`;
  const type = wide || title !== item.name ? "" : typeText(item);
  const wordsAt = nameEnd + (change ? MARK : 7);
  const free = left + room - wordsAt;
  const typed = change?.said ? saidIn(change, free) : typeAndNumber(type, number, free);
  const whole = [type, number].filter(Boolean).join(" · ");
  const arrow = wide ? `M${rail - 12} ${middle - 1.5}h6l-3 3.5z` : `M${rail - 10.5} ${middle - 3}v6l3.5-3z`;
  const inside = wide || item.inside === 0 ? [] : recordedIn(item, Math.floor((right - rail) / 4));
  const own = wide && item.recorded ? [item.key] : inside;
  return (
    <g
      onPointerEnter={
        name === title && typed === whole
          ? undefined
          : (event: PointerEvent) => showTip(event.currentTarget as Element, tipText(item, type, number, change?.label))
      }
    >
      <g data-toggle="">
        <rect x={x} y={y} width={rail - x} height={22} fill="transparent" />
        <path d={arrow} fill={colours.text2} />
      </g>
      {item.recorded && <Dot x={rail + 3} y={middle} marked={marked} />}
      <text x={left} y={middle + 4.2} font-size={12} font-weight={500} fill={colours.text}>
        {name}
      </text>
      {change && <ChangeMark change={change} x={nameEnd} y={middle} />}
      {typed && (
        <text x={wordsAt} y={middle + 4.2} font-size={12} fill={change?.said ? colours.text : colours.text2}>
          {typed}
        </text>
      )}
      {rung && <RungView rung={rung} right={right} middle={middle} room={rungRoom} />}
      {own.length > 0 && <Joined names={own} x={rail} y={y + (wide ? 20 : 22)} width={right - rail} />}
    </g>
  );
}

function More({ box: { y, rail, hidden = 0, before } }: { box: Box }): JSX.Element {
  const colours = tokens.value;
  return (
    <>
      <path d={`M${rail - 3} ${y + 10.5}h6m-3-3v6`} stroke={colours.text2} stroke-width={1.25} fill="none" />
      <text x={rail + 12} y={y + 14.7} font-size={12} font-weight={500} fill={colours.text2}>
        Show more of {integer(hidden)}
        {before ? " before" : ""}
      </text>
    </>
  );
}

/** What did not fit, in full: the name with all that the groups around it say. */
const tipText = (item: TreeNode, ...more: (string | undefined)[]): string =>
  [item.node?.key || item.name, ...more].filter(Boolean).join(" · ");

/** "Linear · 64". The type gives way first, but the number of repeated blocks in it stays. */
function typeAndNumber(type: string, number: string, room: number): string {
  const times = / × \d+$/.exec(type)?.[0] ?? "";
  const within = (end: string): string => {
    const free = room - widthOf(times + end, 12);
    const kind = cut(type.slice(0, type.length - times.length), free, 12, 400, 5);
    return free < 0 ? "" : kind + (kind ? times : times.trimStart());
  };
  const before = number && within(` · ${number}`);
  if (before) return `${before} · ${number}`;
  const alone =
    /^[\d,]+$/.test(number) && !type ? [`${number} ${number === "1" ? "neuron" : "neurons"}`, number] : [number];
  return within("") || (alone.find((words) => widthOf(words, 12) <= room) ?? "");
}

const layersIn = (item: TreeNode): number =>
  isGroup(item) ? item.children.reduce((sum, child) => sum + layersIn(child), 0) : 1;

/** Type, with the kernel of a convolution: "Conv2d 3×3". Empty if it repeats the name. */
export function typeText(item: TreeNode): string {
  if (item.repeats) return item.repeats;
  if (item.kind === "fold") return `${item.type} × ${item.children.length}`.trim();
  if (item.kind === "group" && !item.type) return count(layersIn(item), "layer");
  const { attributes } = item.node ?? {};
  const kernel = /conv/i.test(item.type) && !isGroup(item) ? (attributes?.kernel ?? attributes?.kernel_size ?? "") : "";
  const type = /^\d+(×\d+)*$/.test(kernel) ? `${item.type} ${kernel}` : item.type;
  return item.name.startsWith(type) || item.kind === "input" || item.kind === "output" ? "" : type;
}
