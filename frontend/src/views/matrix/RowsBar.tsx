/** The bar above all panels: rows, sorting, statistic, scale. */

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { integer } from "../../draw/format";
import { followSize } from "../../lib/sizes";
import {
  addExpressionRow,
  addPickedRow,
  addRow,
  chooseClassOrder,
  chooseScale,
  chooseStatistic,
  isListable,
  removeRow,
  resetRows,
} from "../../state/actions";
import { type ClassOrder, isByErrors } from "../../state/classOrder";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { classesOrderedBy, rows, snapshot, whereOf } from "../../state/data";
import { classOfRow, hoveredRow, instanceName, nameOf } from "../../state/derived";
import { clearHover, setHover } from "../../state/hover";
import { picked } from "../../state/members";
import { isPending } from "../../state/pending";
import { expressionKey, type Row, type RowKey, rowKey, subsetKey } from "../../state/rowKeys";
import { statistic, statisticInfo, statistics } from "../../state/statistics";
import { draft, editSubset } from "../../state/subsetDraft";
import { typedExpression } from "../../state/typed";
import { type CompareMode, chosenRows, classOrder, compareMode, type Scale, scale } from "../../state/view";
import { Chip } from "../controls/Chip";
import { Icon } from "../controls/Icon";
import { lazy } from "../controls/lazy";
import type { Option } from "../controls/Menu";
import { MenuButton } from "../controls/MenuButton";
import { TOO_MANY } from "../controls/PickedBar";
import { Segmented } from "../controls/Segmented";
import { Select } from "../controls/Select";
import { RowSwatch, Swatch, Thumbnail } from "../controls/Swatch";
import { dragRow, drop, moveBy } from "./dragRow";
import { RowName } from "./RowName";
import { openMenu, openRowMenu, showInDetail } from "./rowMenuState";
import { SortSelect } from "./SortSelect";

const SCALES: { value: Scale; label: string; detail: string; short: string }[] = [
  { value: "auto", label: "auto", short: "auto", detail: "raw for the last layer, z for the others" },
  { value: "z", label: "z", short: "z", detail: "standard deviations from the mean of all rows" },
  { value: "unit", label: "0–1", short: "0–1", detail: "between the lowest and the highest row" },
  { value: "raw", label: "raw", short: "raw", detail: "the values themselves" },
];

const RowMenu = lazy("The menu", () => import("./RowMenu"), "RowMenu");
const SubsetEditor = lazy("The editor", () => import("./SubsetEditor"), "SubsetEditor");

/** The most chips; further rows have labels beside the cells only. */
const MOST_CHIPS = 40;

const isClass = (row: Row): boolean => row.kind === "subset" && classOfRow(rowKey(row)) >= 0;

/** Rows as chips, button to add one, sorting, statistic, scale. */
export function RowsBar(): JSX.Element {
  const shown = rows.value;
  const own = shown.filter((row) => !isClass(row));
  const chipped = [...own.filter((row) => row.kind === "instance"), ...own.filter((row) => row.kind !== "instance")];
  const chips = useRef<HTMLDivElement>(null);
  const add = useRef<HTMLSpanElement>(null);
  const [more, setMore] = useState(false);
  const measure = (): void => {
    const list = chips.current;
    if (list) setMore(list.scrollLeft + list.clientWidth < list.scrollWidth - 1);
  };
  useEffect(measure);
  useEffect(() => followSize(chips.current, measure), []);
  return (
    <header class="pane-header rows-bar">
      <h2>Rows</h2>
      <div
        ref={chips}
        class={`rows-chips${more ? " more" : ""}`}
        onWheel={(event) => {
          event.currentTarget.scrollLeft += event.deltaY;
        }}
        onScroll={measure}
      >
        {shown.some(isClass) && <ClassesChip />}
        {chipped.slice(0, MOST_CHIPS).map((row) => (
          <RowChip key={rowKey(row)} row={row} />
        ))}
        {chipped.length > MOST_CHIPS && <span class="caption">and {integer(chipped.length - MOST_CHIPS)} more</span>}
        <Offered />
      </div>
      <span ref={add} class="rows-add">
        <MenuButton label="Add rows" icon="add" options={() => additions(add.current)} />
      </span>
      <span class="spring" />
      <span class="second rows-sort-by">Sort by</span>
      <SortSelect />
      {comparedSnapshot.value && (
        <Segmented<CompareMode>
          label="Comparison"
          value={compareMode.value}
          options={[
            { value: "both", label: "both" },
            { value: "difference", label: "difference" },
          ]}
          onChoose={(mode) => (compareMode.value = mode)}
        />
      )}
      <Select<string>
        label="Statistic"
        value={statistic.value}
        says={statisticInfo(statistic.value).title}
        busy={isPending((shown) => !!shown.statistic && shown.statistic !== statistic.value)}
        onChoose={chooseStatistic}
        options={statistics.value.map(({ name, title, source }) => ({
          value: name,
          label: title,
          ...(source === "sample" && { detail: "of the kept instances" }),
        }))}
      >
        {statisticInfo(statistic.value).label}
      </Select>
      <span class="second rows-colour-by">Colour by</span>
      <Select<Scale> label="Scale" value={scale.value} onChoose={chooseScale} options={SCALES}>
        {SCALES.find(({ value }) => value === scale.value)?.short}
      </Select>
      {openMenu.value && <RowMenu />}
      {draft.value && <SubsetEditor />}
    </header>
  );
}

const orders = (): { value: ClassOrder; label: string }[] =>
  snapshot.value.value?.task === "classification"
    ? [
        { value: "errors", label: "Most errors first" },
        { value: "own", label: "The classes’ own order" },
      ]
    : [];

/** One chip for all classes; its menu shows and hides each. */
function ClassesChip(): JSX.Element {
  const all = snapshot.value.value?.class_names ?? [];
  const there = new Set(rows.value.filter(isClass).map(rowKey));
  const shownOrder = isByErrors(classOrder.value, all.length) ? "errors" : "own";
  const toggle = (name: string, on: boolean) => () =>
    on ? removeRow(subsetKey(name)) : addRow({ kind: "subset", name });
  const options = (): Option<() => void>[] => [
    { value: resetRows, label: "All classes", disabled: there.size === all.length },
    { value: () => there.forEach(removeRow), label: "Remove all classes" },
    ...orders().map(({ value, label }, i) => ({
      value: () => chooseClassOrder(value),
      label,
      detail: value === shownOrder ? <Icon name="check" size={14} /> : "",
      heading: i === 0 ? "Order" : undefined,
    })),
    ...all.map((name, index) => {
      const on = there.has(subsetKey(name));
      return {
        value: toggle(name, on),
        label: name,
        detail: on ? <Icon name="check" size={14} /> : "",
        heading: index === 0 ? "Shown" : undefined,
        content: (
          <>
            <Swatch index={index} />
            {name}
          </>
        ),
      };
    }),
  ];
  return (
    <span class="chip">
      <MenuButton label={`Classes: ${there.size} of ${all.length} shown`} class="chip-body" options={options}>
        label{" "}
        <span class="second count">
          {there.size < all.length && `${integer(there.size)} of `}
          {integer(all.length)} classes
          {classesOrderedBy.value !== null && `, order of step ${classesOrderedBy.value}`}
        </span>
      </MenuButton>
    </span>
  );
}

function RowChip({ row }: { row: Row }): JSX.Element {
  const key = rowKey(row);
  const lit = useComputed(() => hoveredRow.value === key).value;
  const target = drop.value;
  const mark = target?.before === key ? " before" : target?.after === key ? " after" : "";
  const siblings = (): RowKey[] =>
    rows
      .peek()
      .filter((other) => !isClass(other) && (other.kind === "instance") === (row.kind === "instance"))
      .map(rowKey);
  return (
    <span
      class={`rows-chip${mark}`}
      data-row={key}
      onContextMenu={(event) => openRowMenu(event, key, "chip")}
      onPointerDown={(event) => dragRow(event, key, event.currentTarget.parentElement ?? event.currentTarget, "x")}
      onKeyDown={(event) => {
        const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key] as 1 | -1 | undefined;
        if (event.altKey && by) moveBy(key, siblings(), by);
        else if (event.key === "Delete") removeRow(key);
        else return;
        event.preventDefault();
      }}
    >
      <Chip
        shape={row.kind === "instance" ? "square" : "round"}
        name={nameOf(key)}
        lit={lit}
        onClick={() => showInDetail(key)}
        onRemove={() => removeRow(key)}
        onLeave={clearHover}
        onMenu={(event) => openRowMenu(event, key, "chip")}
        onEnter={() => setHover(row.kind === "instance" ? { row: key, instance: row.index } : { row: key })}
      >
        {row.kind === "instance" ? (
          <>
            <Thumbnail index={row.index} size={18} />
            {instanceName(row.index)}
          </>
        ) : (
          <>
            <RowSwatch row={key} />
            <span class="cut">
              <RowName row={key} where="chip" />
            </span>{" "}
            <Count row={row} />
          </>
        )}
      </Chip>
    </span>
  );
}

function Count({ row }: { row: Row }): JSX.Element | null {
  const subset =
    row.kind === "subset" ? snapshot.value.value?.subsets.find(({ name }) => name === row.name) : undefined;
  const count = subset?.count ?? (row.kind === "expression" ? whereOf(row.expression).value.value?.count : undefined);
  return count === undefined ? null : <span class="second count">{integer(count)}</span>;
}

/** Suggestions: declared subsets that are not rows yet. The menu of + has all of them. */
function Offered(): JSX.Element {
  const there = new Set(rows.value.map(rowKey));
  const open = (snapshot.value.value?.subsets ?? []).filter(
    ({ name, kind }) => (kind === "user" || kind === "wrong") && !there.has(subsetKey(name)),
  );
  return (
    <>
      {open
        .sort((a, b) => Number(b.kind === "user") - Number(a.kind === "user"))
        .slice(0, 2)
        .map(({ name, count }) => (
          <Chip
            key={name}
            outlined
            name={name}
            onClick={() => addRow({ kind: "subset", name })}
            onEnter={() => setHover({ row: subsetKey(name) })}
            onLeave={clearHover}
          >
            <span class="cut">{name}</span> <span class="second count">{integer(count)}</span>
          </Chip>
        ))}
    </>
  );
}

/** The menu of +: the typed expression, the picked set, declared subsets that are not shown. */
function additions(button: HTMLElement | null): Option<() => void>[] {
  const there = new Set(rows.value.map(rowKey));
  const options: Option<() => void>[] = [];
  const text = typedExpression.value;
  const matching = text && !there.has(expressionKey(text)) ? whereOf(text).value : null;
  if (matching?.status === "ready") {
    options.push({
      value: () => addExpressionRow(text),
      label: text,
      content: <code class="cut">{text}</code>,
      detail: matching.value?.count === 0 ? "no kept instance matches" : integer(matching.value?.count),
      heading: "Expression",
      disabled: matching.value?.count === 0,
    });
  }
  const anchor = button?.querySelector("button");
  if (anchor)
    options.push({
      value: () => editSubset(anchor, text),
      label: "New subset …",
      detail: "from an expression or other subsets",
    });
  const set = picked.value;
  if (set) {
    const listable = isListable();
    options.push({
      value: () => void addPickedRow(),
      label: set.name,
      detail: listable ? integer(set.indices.length) : TOO_MANY,
      heading: "Picked",
      disabled: !listable,
    });
  }
  const subsets = (snapshot.value.value?.subsets ?? []).filter(({ name }) => !there.has(subsetKey(name)));
  subsets.forEach(({ name, kind, count }, i) =>
    options.push({
      value: () => addRow({ kind: "subset", name }),
      label: name,
      detail: integer(count),
      heading: i === 0 ? "Subsets" : undefined,
      content:
        kind === "class" ? (
          <>
            <Swatch index={classOfRow(subsetKey(name))} />
            {name}
          </>
        ) : undefined,
    }),
  );
  if (chosenRows.value !== null) options.push({ value: resetRows, label: "Reset to the default rows", heading: " " });
  if (options.length === 0)
    options.push({
      value: () => undefined,
      label: "All subsets are rows already. Type an expression above to make another.",
      disabled: true,
    });
  return options;
}
