/** The Table tab. */

import { batch } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ColumnInfo } from "../../api/types";
import { integer } from "../../draw/format";
import { never } from "../../lib/never";
import { clickInstance, pick } from "../../state/actions";
import { columns, hasPictures } from "../../state/data";
import { clearHover, hover, setHover } from "../../state/hover";
import { failureOf } from "../../state/loads";
import { picked } from "../../state/members";
import { typedExpression } from "../../state/typed";
import { Failure } from "../controls/Loading";
import { FilterBox } from "./FilterBox";
import { Row } from "./TableRow";
import "../../lib/laterStyles";
import {
  even,
  filtering,
  firstPage,
  isNumber,
  LINE,
  odd,
  order,
  PAGE,
  rowAt,
  shownColumns,
  title,
  typed,
  wrongOf,
} from "./tableState";
import { useVirtualList } from "./virtualList";

/** Search, column filters, and the lines in sight. */
export function Table(): JSX.Element {
  const [one, two] = [even.value, odd.value];
  const newest =
    one.value && two.value ? (firstPage.value % 2 === 0 ? one.value : two.value) : (one.value ?? two.value);
  const total = newest?.total ?? 0;
  const { ref, from, to, onScroll, show } = useVirtualList(LINE, total, 46);
  const anchor = useRef<number | null>(null);
  const first = Math.floor(from / PAGE);
  useEffect(() => {
    firstPage.value = first;
  }, [first]);
  const failed = [one, two].find(failureOf);
  const busy = one.status === "pending" || two.status === "pending";
  const marked = picked.value?.name === "table" ? new Set(picked.value.indices) : new Set<number>();

  const mark = (indices: number[], on: boolean): void => {
    const next = new Set(marked);
    for (const index of indices)
      if (on) next.add(index);
      else next.delete(index);
    pick({ name: "table", indices: Int32Array.from(next).sort() });
  };
  const markTo = (line: number, index: number, range: boolean): void => {
    const start = range && anchor.current !== null ? anchor.current : line;
    anchor.current = line;
    const indices = Array.from(
      { length: Math.abs(line - start) + 1 },
      (_, i) => rowAt(Math.min(line, start) + i)?.row,
    ).filter((its) => its !== undefined);
    mark(range ? indices : [index], range || !marked.has(index));
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const seen = Array.from({ length: to - from }, (_, i) => rowAt(from + i)?.row);
    const at = hover.peek().instance === undefined ? -1 : seen.indexOf(hover.peek().instance);
    const line = at < 0 ? Math.max(0, Math.round((ref.current?.scrollTop ?? 0) / LINE) - 1) : from + at;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -total, End: total }[event.key];
    if (by !== undefined) {
      const next = Math.max(0, Math.min(total - 1, line + by));
      show(next);
      const index = rowAt(next)?.row;
      if (index !== undefined) setHover({ instance: index });
    } else if (event.key === "Enter" && at >= 0) clickInstance(seen[at] as number);
    else if (event.key === " " && at >= 0) markTo(line, seen[at] as number, event.shiftKey);
    else return;
    event.preventDefault();
  };

  const wide = shownColumns.value.map(widthOf);
  const grid = `24px ${hasPictures.value ? "20px " : ""}${wide.map((w) => `minmax(${w}px, ${w === 100 ? 6 : 1}fr)`).join(" ")}`;
  const images = hasPictures.value;
  const sheet = wide.reduce((sum, w) => sum + w + 6, 24 + 24 + (images ? 26 : 0));
  return (
    <>
      <div class="table-search">
        <span class="second">
          {integer(total)} of {integer(columns.value.value?.count)}
        </span>
        {typedExpression.value && (
          <code class="cut" title={typedExpression.value}>
            {typedExpression.value}
          </code>
        )}
        <span class="spring" />
        <button
          type="button"
          class="button table-filter"
          aria-pressed={filtering.value}
          onClick={() =>
            batch(() => {
              if (filtering.value) typed.value = new Map();
              filtering.value = !filtering.value;
            })
          }
        >
          Filter
        </button>
      </div>
      {failed && (
        <Failure what="The table could not be read." message={failed.error?.message ?? ""} onRetry={failed.retry} />
      )}
      <div class="table" aria-busy={busy}>
        {busy && <div class="progress" role="progressbar" aria-label="The table is loading" />}
        <div
          ref={ref}
          class="table-scroll"
          tabIndex={0}
          role="grid"
          aria-label="Instances"
          aria-rowcount={total}
          onScroll={onScroll}
          onKeyDown={keys}
          onPointerLeave={clearHover}
        >
          <div class="table-sheet" style={{ "--columns": grid, "--sheet": `${sheet}px` }}>
            <div class="table-head" role="row">
              <span role="columnheader">
                <span class="hidden-text">Marked</span>
              </span>
              {images && (
                <span role="columnheader">
                  <span class="hidden-text">Image</span>
                </span>
              )}
              {shownColumns.value.map((column) => (
                <Head key={column.name} column={column} />
              ))}
            </div>
            {filtering.value && (
              <div class="table-head filters" role="row">
                <span role="gridcell" />
                {images && <span role="gridcell" />}
                {shownColumns.value.map(({ name, type }) => (
                  <span key={name} role="gridcell">
                    <FilterBox
                      label={`Filter by ${title(name)}`}
                      placeholder={type === "number" || type === "time" ? "> …" : "…"}
                      value={typed.value.get(name) ?? ""}
                      wrong={wrongOf(name)}
                      onType={(text) => (typed.value = new Map(typed.peek()).set(name, text))}
                    />
                  </span>
                ))}
              </div>
            )}
            <div style={{ height: `${total * LINE}px`, position: "relative" }}>
              {Array.from({ length: Math.max(0, to - from) }, (_, i) => (
                <Row key={from + i} line={from + i} marked={marked} onMark={markTo} />
              ))}
            </div>
          </div>
        </div>
      </div>
      {total === 0 && newest && <p class="hint">No kept instance matches.</p>}
    </>
  );
}

/** How many pixels a column needs. */
function widthOf({ name, type }: ColumnInfo): number {
  if (name === "id") return 48;
  if (name === "score") return 38;
  switch (type) {
    case "text":
      return 100;
    case "time":
      return 128;
    case "boolean":
    case "number":
    case "category":
    case "list":
      return 44;
    default:
      return never(type);
  }
}

function Head({ column }: { column: ColumnInfo }): JSX.Element {
  const rule = order.value;
  const here = rule?.by === column.name;
  const next = !here
    ? { by: column.name, descending: isNumber(column) }
    : rule.descending === isNumber(column)
      ? { by: column.name, descending: !rule.descending }
      : null;
  return (
    <span
      role="columnheader"
      aria-sort={here ? (rule.descending ? "descending" : "ascending") : "none"}
      class={isNumber(column) ? "number" : column.type === "time" ? "time" : ""}
    >
      <button type="button" class="cut" title={title(column.name)} onClick={() => (order.value = next)}>
        {title(column.name)}
        {here ? (rule.descending ? " ↓" : " ↑") : ""}
      </button>
    </span>
  );
}
