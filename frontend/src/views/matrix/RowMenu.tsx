/** The menu of a row, and renaming it. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { addExpressionRow, removeRow, renameRow, select, sortBy } from "../../state/actions";
import { negated } from "../../state/buildExpression";
import { rows } from "../../state/data";
import { expressionOf, nameOf, shortName, sort } from "../../state/derived";
import { isExpressionKey, isInstanceKey, parseRowKey, type RowKey, rowKey } from "../../state/rowKeys";
import { editSubset } from "../../state/subsetDraft";
import { Menu, type Option } from "../controls/Menu";
import { Name } from "../controls/Name";
import { moveBy } from "./dragRow";

/** Where the row was clicked: a chip, or the labels in a layer's panel. */
type Where = "chip" | `in ${string}`;

const open = signal<{ key: RowKey; anchor: HTMLElement; where: Where } | null>(null);
/** The row that is being renamed, and where. */
export const renaming = signal<{ key: RowKey; where: Where } | null>(null);

export function openRowMenu(event: Event, key: RowKey, where: Where): void {
  event.preventDefault();
  open.value = { key, anchor: event.currentTarget as HTMLElement, where };
}

export function showInDetail(key: RowKey): void {
  const row = parseRowKey(key);
  select(row?.kind === "instance" ? { kind: "instance", index: row.index } : { kind: "subset", key });
}

/** Rows of the same kind, in order. */
export function siblingsOf(key: RowKey): RowKey[] {
  return rows
    .peek()
    .map(rowKey)
    .filter((other) => isInstanceKey(other) === isInstanceKey(key));
}

/** The same menu for row labels and chips. */
export function RowMenu(): JSX.Element | null {
  const now = open.value;
  if (!now) return null;
  const { key, anchor, where } = now;
  const rule = sort.value;
  const a = rule.by === "row" || rule.by === "difference" ? rule.a : null;
  const siblings = siblingsOf(key);
  const expression = expressionOf(key);
  const options: Option<() => void>[] = [
    { value: () => sortBy({ by: "row", a: key }), label: "Sort by this row", detail: "A" },
    {
      value: () => sortBy({ by: "difference", a: a ?? key, b: key }),
      label: "Set as B",
      detail: a && a !== key ? `${nameOf(a)} − ${nameOf(key)}` : "B",
      disabled: a === null || a === key,
    },
    { value: () => showInDetail(key), label: "Show in detail" },
    ...(isExpressionKey(key)
      ? [
          {
            value: () => {
              renaming.value = { key, where };
            },
            label: "Rename",
            detail: where !== "chip" ? "F2" : undefined,
          },
        ]
      : []),
    ...(expression === null
      ? []
      : [
          {
            value: () => editSubset(anchor, expression, nameOf(key), key),
            label: isExpressionKey(key) ? "Edit or combine …" : "Edit or combine a copy …",
            detail: "and, or, not",
          },
          {
            value: () => addExpressionRow(negated(expression), `not ${nameOf(key)}`),
            label: "Add the rest as a row",
            detail: "not",
          },
        ]),
    { value: () => moveBy(key, siblings, -1), label: "Move up", detail: "Alt+↑", disabled: siblings[0] === key },
    { value: () => moveBy(key, siblings, 1), label: "Move down", detail: "Alt+↓", disabled: siblings.at(-1) === key },
    { value: () => removeRow(key), label: "Remove" },
  ];
  return (
    <Menu
      key={key}
      anchor={anchor}
      label={`Row ${nameOf(key)}`}
      options={options}
      onChoose={(act) => act()}
      onClose={() => (open.value = null)}
    />
  );
}

/** The name of a row, or the text box to change it. */
export function RowName({ row, where }: { row: RowKey; where: Where }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const editing = renaming.value?.key === row && renaming.value.where === where;
  useLayoutEffect(() => void (editing && input.current?.select()), [editing]);
  if (!editing) return <Name name={nameOf(row)} short={shortName(row)} />;
  const end = (keep: boolean): void => {
    if (!renaming.peek()) return;
    renaming.value = null;
    if (keep) renameRow(row, input.current?.value ?? "");
  };
  return (
    <input
      ref={input}
      class="matrix-rename"
      aria-label="Name of the row"
      value={nameOf(row)}
      onBlur={() => end(true)}
      onClick={(event) => event.stopPropagation()}
      onPointerDown={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
      }}
    />
  );
}
