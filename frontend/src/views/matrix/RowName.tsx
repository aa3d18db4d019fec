/** The name of a row, which can be changed in place. */

import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { renameRow } from "../../state/actions";
import { nameOf, shortName } from "../../state/derived";
import type { RowKey } from "../../state/rowKeys";
import { Name } from "../controls/Name";
import { renaming, type Where } from "./rowMenuState";

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
