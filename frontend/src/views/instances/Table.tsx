import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Cell, ColumnInfo, TableQuery, TableRow } from "../../api/types";
import { alike, fixed, integer, short } from "../../draw/format";
import { clickInstance, pick } from "../../state/actions";
import { instanceName, numeric, subsetsByName } from "../../state/chosen";
import { columns, pictured, snapshot, tableOf } from "../../state/data";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { picked } from "../../state/members";
import { selection } from "../../state/view";
import { Icon, IconButton } from "../controls/Icon";
import { Failure } from "../controls/Loading";
import { ClassName, Thumbnail } from "../controls/Swatch";
import { allOf, columnFilter, type Filter, searchFilter } from "./filter";
import { useWindow } from "./window";

/** The kept instances as the server sorts and filters them, in pages; only what is seen is fetched and drawn. */

const LINE = 21;
const PAGE = 200;
/** Typing rests this long before it is asked. */
const REST_MS = 250;

const search = signal("");
const typed = signal<ReadonlyMap<string, string>>(new Map());
const order = signal<{ by: string; descending: boolean } | null>(null);
/** The first page that is seen; it and the next are held. */
const firstPage = signal(0);
const filtering = signal(false);

const shownColumns: ReadonlySignal<ColumnInfo[]> = computed(() => {
  const shown = snapshot.value.value;
  if (!shown) return [];
  const there = new Map(shown.columns.map((column) => [column.name, column]));
  const first = ["id", "text", "label", "prediction", "score", "label_score", "loss"];
  const known = first.flatMap((name) => there.get(name) ?? []);
  return [...known, ...shown.columns.filter(({ name }) => !first.includes(name) && name !== "correct")];
});

const classTest = (name: string): string | null => {
  const subset = subsetsByName.value.get(name);
  return subset?.kind === "class" ? subset.expression : null;
};
const filters: ReadonlySignal<ReadonlyMap<string, Filter>> = computed(
  () =>
    new Map([
      ["", searchFilter(search.value, snapshot.value.value?.columns ?? [])],
      ...shownColumns.value.map((column): [string, Filter] => [
        column.name,
        columnFilter(column, typed.value.get(column.name) ?? "", classTest),
      ]),
    ]),
);

/** What the table is narrowed down to, for the download too; null: everything. */
export const tableExpression: ReadonlySignal<string | null> = computed(() => allOf([...filters.value.values()]));

const page =
  (odd: number): (() => TableQuery) =>
  () => {
    const first = firstPage.value;
    const own = first % 2 === odd ? first : first + 1;
    const rule = order.value;
    return {
      ...(tableExpression.value ? { expression: tableExpression.value } : {}),
      ...(rule ? { order: rule.by, descending: rule.descending } : {}),
      offset: own * PAGE,
      limit: PAGE,
    };
  };
const even = tableOf(page(0));
const odd = tableOf(page(1));

function rowAt(line: number): TableRow | undefined {
  const { value, query } = (Math.floor(line / PAGE) % 2 === 0 ? even : odd).value;
  return value && query && line >= query.offset ? value.rows[line - query.offset] : undefined;
}

export function Table(): JSX.Element {
  const [one, two] = [even.value, odd.value];
  const newest =
    one.value && two.value ? (firstPage.value % 2 === 0 ? one.value : two.value) : (one.value ?? two.value);
  const total = newest?.total ?? 0;
  const { ref, from, to, onScroll, show } = useWindow(LINE, total, 46);
  const anchor = useRef<number | null>(null);
  const first = Math.floor(from / PAGE);
  useEffect(() => {
    firstPage.value = first;
  }, [first]);
  const failed = [one, two].find(({ status }) => status === "failed");
  const busy = one.status === "pending" || two.status === "pending";
  const marked = picked.value?.name === "table" ? new Set(picked.value.rows) : new Set<number>();

  const mark = (rows: number[], on: boolean): void => {
    const next = new Set(marked);
    for (const row of rows)
      if (on) next.add(row);
      else next.delete(row);
    pick({ name: "table", rows: Int32Array.from(next).sort() });
  };
  const markTo = (line: number, row: number, range: boolean): void => {
    const start = range && anchor.current !== null ? anchor.current : line;
    anchor.current = line;
    const rows = Array.from(
      { length: Math.abs(line - start) + 1 },
      (_, i) => rowAt(Math.min(line, start) + i)?.row,
    ).filter((its) => its !== undefined);
    mark(range ? rows : [row], range || !marked.has(row));
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
      const row = rowAt(next)?.row;
      if (row !== undefined) setHover({ instance: row });
    } else if (event.key === "Enter" && at >= 0) clickInstance(seen[at] as number);
    else if (event.key === " " && at >= 0) markTo(line, seen[at] as number, event.shiftKey);
    else return;
    event.preventDefault();
  };

  const wide = shownColumns.value.map(({ name, type }) =>
    name === "id"
      ? 48
      : type === "text"
        ? 200
        : name === "label" || name === "prediction"
          ? 44
          : name === "score"
            ? 38
            : 44,
  );
  const grid = `14px ${pictured.value ? "17px " : ""}${wide.map((w) => `minmax(${w}px, ${w === 200 ? 4 : 1}fr)`).join(" ")}`;
  const images = pictured.value;
  const sheet = wide.reduce((sum, w) => sum + w + 6, 24 + 14 + (images ? 23 : 0));
  return (
    <>
      <div class="table-search">
        <Icon name="search" size={14} />
        <Typed
          label="Search the instances"
          placeholder="id, text or expression"
          value={search.value}
          onType={(text) => (search.value = text)}
          wrong={wrongOf("")}
        />
        <span class="caption">
          {integer(total)} of {integer(columns.value.value?.count)}
        </span>
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
                    <Typed
                      label={`Filter by ${title(name)}`}
                      placeholder={type === "number" ? "> …" : "…"}
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
      {total === 0 && newest && <p class="hint">No instance is like that.</p>}
    </>
  );
}

const title = (name: string): string => ({ prediction: "pred.", label_score: "p(label)" })[name] ?? name;
const wrongOf = (name: string): string | undefined => {
  const filter = filters.value.get(name);
  return filter && "wrong" in filter ? filter.wrong : undefined;
};
const isNumber = ({ type, name }: ColumnInfo): boolean =>
  type === "number" &&
  name !== "id" &&
  (numeric(snapshot.value.value?.task) || (name !== "label" && name !== "prediction"));

/** How numbers of a column are written: all with the same decimals. */
const written = computed(() => {
  const known = columns.value.value;
  return new Map(
    shownColumns.value.map(({ name }) => [
      name,
      alike(known?.[name as "loss"] ?? known?.extra.get(name)?.values ?? []),
    ]),
  );
});

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
      class={isNumber(column) ? "number" : ""}
    >
      <button type="button" class="cut" title={title(column.name)} onClick={() => (order.value = next)}>
        {title(column.name)}
        {here ? (rule.descending ? " ↓" : " ↑") : ""}
      </button>
    </span>
  );
}

function Row({
  line,
  marked,
  onMark,
}: {
  line: number;
  marked: Set<number>;
  onMark: (line: number, row: number, range: boolean) => void;
}): JSX.Element {
  const record = rowAt(line);
  if (!record)
    return <div class="table-row empty" role="row" aria-rowindex={line + 1} style={{ top: `${line * LINE}px` }} />;
  const { row } = record;
  const chosen = selection.value?.kind === "instance" && selection.value.row === row;
  return (
    <div
      role="row"
      aria-rowindex={line + 1}
      aria-selected={marked.has(row)}
      style={{ top: `${line * LINE}px` }}
      class={`table-row${chosen || hoveredInstance.value === row ? " lit" : ""}`}
      onPointerEnter={() => setHover({ instance: row })}
      onClick={(event) =>
        event.shiftKey || event.ctrlKey || event.metaKey ? onMark(line, row, event.shiftKey) : clickInstance(row)
      }
    >
      <span
        role="gridcell"
        onClick={(event) => {
          event.stopPropagation();
          onMark(line, row, event.shiftKey);
        }}
      >
        <input type="checkbox" tabIndex={-1} aria-label={`Mark ${instanceName(row)}`} checked={marked.has(row)} />
      </span>
      {pictured.value && (
        <span role="gridcell">
          <Thumbnail row={row} size={17} />
        </span>
      )}
      {shownColumns.value.map((column) => (
        <Value key={column.name} record={record} column={column} />
      ))}
    </div>
  );
}

function Value({ record, column }: { record: TableRow; column: ColumnInfo }): JSX.Element {
  const value: Cell = record[column.name] ?? null;
  const known = columns.value.value;
  if (column.name === "id")
    return (
      <span role="gridcell" class="cut table-id">
        {instanceName(record.row)}
      </span>
    );
  if (column.name === "prediction" && snapshot.value.value?.task === "classification" && known) {
    return (
      <span role="gridcell" class="cut">
        <ClassName index={known.prediction[record.row] as number} />
      </span>
    );
  }
  if (column.name === "score" || column.name === "label_score")
    return (
      <span role="gridcell" class="number">
        {fixed(value as number | null)}
      </span>
    );
  if (typeof value === "number")
    return (
      <span role="gridcell" class={isNumber(column) ? "number" : "cut"}>
        {(isNumber(column) ? (written.value.get(column.name) ?? short) : integer)(value)}
      </span>
    );
  return (
    <span
      role="gridcell"
      class="cut"
      title={typeof value === "string" && value.length > 12 ? value : undefined}
      dir="auto"
    >
      {value === null ? "–" : value === true ? "yes" : value === false ? "no" : value}
    </span>
  );
}

/** A box that tells what is typed once typing rests. */
function Typed({
  label,
  placeholder,
  value,
  wrong,
  onType,
}: {
  label: string;
  placeholder: string;
  value: string;
  wrong: string | undefined;
  onType: (text: string) => void;
}): JSX.Element {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span class="table-typed">
      <input
        type="text"
        aria-label={label}
        placeholder={placeholder}
        defaultValue={value}
        aria-invalid={wrong !== undefined}
        title={wrong}
        spellcheck={false}
        onInput={(event) => {
          const { value: text } = event.currentTarget;
          clearTimeout(timer.current);
          timer.current = window.setTimeout(() => onType(text), REST_MS);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.currentTarget.value = "";
          onType("");
        }}
      />
      {value !== "" && label.startsWith("Search") && (
        <IconButton
          icon="close"
          size={12}
          label="Search for nothing"
          onClick={(event) => {
            const input = (event.currentTarget as HTMLElement).parentElement?.querySelector("input");
            if (input) input.value = "";
            onType("");
          }}
        />
      )}
    </span>
  );
}
