/** Keeps the state in the address: reads it from the hash and writes it back. */

import { batch, effect, type Signal, signal } from "@preact/signals";
import { WHOLE } from "../layout/projection";
import { currentSnapshot } from "./currentSnapshot";
import { snapshot } from "./data";
import { alongRow, isRowKey, type Row } from "./rowKeys";
import type { Sort } from "./rows";
import * as view from "./view";

/**
 * The state is written as `#activis&p.activis.run=…`, beside TensorBoard's own keys, which stay. TensorBoard reserves
 * this prefix for a plugin. Only the user's choices are written, so that an old link shows the newest step.
 */
const PREFIX = "p.activis.";

type Fields = Map<string, string>;

/** One of the user's choices as a field of the address; null: it is the default. */
interface Field {
  name: string;
  read: () => string | null;
  write: (text: string | undefined) => void;
}

/** One of these words, the first by default. */
const choice = <T extends string>(name: string, chosen: Signal<T>, words: readonly T[]): Field => ({
  name,
  read: () => (chosen.value === words[0] ? null : chosen.value),
  write(text) {
    chosen.value = words.find((word) => word === text) ?? words[0]!;
  },
});

const text = <T extends string | null>(name: string, chosen: Signal<T>, standard: T): Field => ({
  name,
  read: () => (chosen.value === standard ? null : chosen.value),
  write(value) {
    chosen.value = (value as T | undefined) ?? standard;
  },
});

const number = (name: string, chosen: Signal<number | null>): Field => ({
  name,
  read: () => (chosen.value === null ? null : String(chosen.value)),
  write(value) {
    chosen.value = value === undefined || !Number.isFinite(Number(value)) ? null : Number(value);
  },
});

const json = <T>(
  name: string,
  chosen: Signal<T | null>,
  unpack: (value: unknown) => T | null,
  pack: (value: T) => unknown = (value) => value,
): Field => ({
  name,
  read: () => (chosen.value ? JSON.stringify(pack(chosen.value)) : null),
  write(value) {
    chosen.value = unpack(parse(value));
  },
});

/** The run and the step are the first. */
const FIELDS: readonly Field[] = [
  text("run", view.chosenRun, null),
  number("step", view.chosenStep),
  number("order_of", view.orderStep),
  json("compare", view.compare, compareOf, ({ run, step }) => [run, step]),
  choice("mode", view.compareMode, ["both", "difference"]),
  choice("pairs", view.pairing, ["auto", "index"]),
  json("modules", view.openModules, strings),
  json("layers", view.chosenLayers, strings),
  json("rows", view.chosenRows, rowsOf, (rows) => rows.map(packRow)),
  json("sort", view.chosenSort, sortOf),
  choice("order", view.classOrder, ["auto", "own", "errors"]),
  text("statistic", view.chosenStatistic, "mean"),
  choice("scale", view.scale, ["auto", "z", "unit", "raw"]),
  choice("ladder", view.ladderFigure, ["accuracy", "effect"]),
  choice("model", view.modelFace, ["graph", "health"]),
  text("measure", view.chosenMeasure, null),
  text("expression", view.expression, ""),
  json("selection", view.selection, selectionOf, packSelection),
  text("detail", view.chosenDetailLayer, null),
  {
    name: "findings",
    read() {
      const { open, step, row } = view.findingsPlace.value;
      return open ? JSON.stringify([step, row]) : null;
    },
    write(value) {
      view.findingsPlace.value = placeOf(parse(value));
    },
  },
  text("finding", view.chosenFinding, null),
  json("hidden", view.hiddenFindings, strings),
  choice("face", view.neuronFace, ["where", "values"]),
  choice("tab", view.instancesTab, ["classes", "confusion", "table"]),
];

/** All fields without the prefix. Reads the signals, so that an effect follows them. */
export function encode(): Fields {
  const fields: Fields = new Map();
  for (const { name, read } of FIELDS) {
    const value = read();
    if (value) fields.set(name, value);
  }
  if (view.orderStep.value === view.chosenStep.value) fields.delete("order_of");
  for (const name of view.panelNames()) {
    const { method, colour, zoom, columns, over } = view.panel(name);
    const [z, seen] = [zoom.value, columns.value];
    const packed = JSON.stringify({
      m: method.value === "pca" ? undefined : method.value,
      c: colour.value === "label" ? undefined : colour.value,
      z: z.scale === 1 && z.x === 0 && z.y === 0 ? undefined : [round(z.scale), round(z.x), round(z.y)],
      v: seen ? [round(seen.first, 6), round(seen.span, 6)] : undefined,
      o: over.value ?? undefined,
    });
    if (packed !== "{}") fields.set(`panel:${name}`, packed);
  }
  return fields;
}

/** Sets the signals from fields; missing or invalid fields are reset to "not chosen". */
export function decode(fields: Fields): void {
  batch(() => {
    for (const { name, write } of FIELDS) write(fields.get(name) || undefined);
    for (const name of view.panelNames()) if (!fields.has(`panel:${name}`)) setPanel(name, {});
    for (const [name, value] of fields) if (name.startsWith("panel:")) setPanel(name.slice(6), parse(value));
  });
}

/** The hash with these fields instead of the plugin's own; the rest stays. */
export function writeHash(hash: string, fields: Fields): string {
  const otherFields = hash
    .replace(/^#/, "")
    .split("&")
    .filter((part) => part !== "" && !part.startsWith(PREFIX));
  const own = Array.from(
    fields,
    ([name, value]) => `${PREFIX}${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `#${[...otherFields, ...own].join("&")}`;
}

export function readHash(hash: string): Fields {
  const fields: Fields = new Map();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name = "", value = ""] = part.split("=");
    if (!name.startsWith(PREFIX)) continue;
    try {
      fields.set(decodeURIComponent(name.slice(PREFIX.length)), decodeURIComponent(value));
    } catch {
      // A link truncated within an escape sequence: the rest is still used.
    }
  }
  return fields;
}

/** Changes of these fields replace the current history entry instead of adding one. */
const QUIET = ["step", "order_of", "expression", "finding"];
const isQuiet = (name: string): boolean => QUIET.includes(name) || name.startsWith("panel:");

/** Zooming changes the address after a pause: browsers ignore addresses that change on every frame. */
const REST_MS = 250;

/** Whether the run shown is not yet the one chosen. */
function isRunComing(): boolean {
  const [now, { query }] = [currentSnapshot.value, snapshot.value];
  return now !== null && query !== null && now.run !== query.run;
}

/**
 * Synchronizes the state and the address of `host`. Of a link to another run, what is chosen in it waits until that run
 * is shown: the run before knows nothing of it. Returns a function that stops it.
 */
export function followAddress(host: Window): () => void {
  let last = readHash(host.location.hash);
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What was read, until it is the state. */
  const read = signal<Fields | null>(null);
  let isRead = true;
  decode(last);
  const stop = effect(() => {
    const [fields, waiting] = [encode(), read.value];
    clearTimeout(timer);
    if (waiting) {
      const isWanted = (waiting.get("run") || null) === view.chosenRun.value;
      if (isWanted && isRunComing()) return;
      isRead = isWanted;
      batch(() => {
        read.value = null;
        if (isWanted) decode(waiting);
      });
      return;
    }
    // A link that is written otherwise than the state would be gets no entry beside its own, to which Back cannot lead.
    const replaces = isRead;
    isRead = false;
    if (same(fields, last)) return;
    const changed = [...new Set([...fields.keys(), ...last.keys()])].filter(
      (name) => fields.get(name) !== last.get(name),
    );
    const write = (): void => {
      last = fields;
      const hash = writeHash(host.location.hash, fields);
      if (replaces || changed.every(isQuiet)) host.history.replaceState(host.history.state, "", hash);
      else host.history.pushState(host.history.state, "", hash);
    };
    if (changed.every((name) => name.startsWith("panel:"))) timer = setTimeout(write, REST_MS);
    else write();
  });
  const back = (): void => {
    const hashFields = readHash(host.location.hash);
    if (same(hashFields, last)) return;
    last = hashFields;
    batch(() => {
      read.value = hashFields;
      for (const { name, write } of FIELDS.slice(0, 2)) write(hashFields.get(name) || undefined);
    });
  };
  host.addEventListener("popstate", back);
  host.addEventListener("hashchange", back);
  return () => {
    clearTimeout(timer);
    stop();
    host.removeEventListener("popstate", back);
    host.removeEventListener("hashchange", back);
  };
}

function same(a: Fields, b: Fields): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}

const round = (x: number, digits = 4): number => Number(x.toPrecision(digits));

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function strings(value: unknown): string[] | null {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : null;
}

/** ["s", name], ["e", expression, name or null, colour] or ["i", index]: short, because rows make up most of a link. */
function packRow(row: Row): unknown[] {
  switch (row.kind) {
    case "subset":
      return ["s", row.name];
    case "expression":
      return row.colour === undefined
        ? ["e", row.expression, ...(row.name === undefined ? [] : [row.name])]
        : ["e", row.expression, row.name ?? null, row.colour];
    case "instance":
      return ["i", row.index];
  }
}

function rowsOf(value: unknown): Row[] | null {
  return Array.isArray(value) ? value.flatMap(unpackRow) : null;
}

function unpackRow(value: unknown): Row[] {
  if (!Array.isArray(value)) return [];
  const [kind, what, name, colour] = value as unknown[];
  if (kind === "s" && typeof what === "string") return [{ kind: "subset", name: what }];
  if (kind === "e" && typeof what === "string") {
    return [
      {
        kind: "expression",
        expression: what,
        ...(typeof name === "string" ? { name } : {}),
        ...(isIndex(colour) ? { colour } : {}),
      },
    ];
  }
  return kind === "i" && isIndex(what) ? [{ kind: "instance", index: what }] : [];
}

const isIndex = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

function compareOf(value: unknown): view.Compare | null {
  if (!Array.isArray(value)) return null;
  const [run, step] = value as unknown[];
  return typeof run === "string" ? { run, step: typeof step === "number" ? step : null } : null;
}

function placeOf(value: unknown): view.FindingsPlace {
  if (!Array.isArray(value)) return view.CLOSED;
  const [step, row] = value as unknown[];
  return { open: true, step: typeof step === "number" ? step : null, row: isRowKey(row) ? row : null };
}

function sortOf(value: unknown): Sort | null {
  const { by, a, b } = (value ?? {}) as Record<string, unknown>;
  if (by === "index" || by === "strongest" || by === "clustered") return { by };
  if ((by === "row" || by === "effect" || by === "direction") && isRowKey(a)) return { by, a };
  return by === "difference" && isRowKey(a) && isRowKey(b) ? { by, a, b } : null;
}

/** In links the index of a selected instance is called `row`, as it has always been: old links stay valid. */
function packSelection(selection: view.Selection): object {
  return selection.kind === "instance" ? { kind: selection.kind, row: selection.index } : selection;
}

function selectionOf(value: unknown): view.Selection | null {
  const { kind, row, layer, neuron, key } = (value ?? {}) as Record<string, unknown>;
  if (kind === "instance" && isIndex(row)) return { kind, index: row };
  if (kind === "neuron" && typeof layer === "string" && isIndex(neuron)) return { kind, layer, neuron };
  return kind === "subset" && isRowKey(key) ? { kind, key } : null;
}

function setPanel(name: string, value: unknown): void {
  const { m, c, z, v, o } = (value ?? {}) as Record<string, unknown>;
  const state = view.panel(name);
  state.method.value = m === "tsne" || alongRow(m) ? (m as view.Method) : "pca";
  state.over.value = isRowKey(o) ? o : null;
  state.colour.value = typeof c === "string" ? c : "label";
  const [scale, x, y] = Array.isArray(z) ? (z as unknown[]) : [];
  state.zoom.value =
    typeof scale === "number" && typeof x === "number" && typeof y === "number" && scale > 0 ? { scale, x, y } : WHOLE;
  const [first, span] = Array.isArray(v) ? (v as unknown[]) : [];
  state.columns.value =
    typeof first === "number" && typeof span === "number" && first >= 0 && span > 0 ? { first, span } : null;
}
