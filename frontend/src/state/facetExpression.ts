/** The conditions of one column within an expression: what a facet shows as chosen, and what it writes. */

import { columnName } from "./buildExpression";
import { type Token, tokenize } from "./tokenize";

/** A value of a column, as an expression writes it: `9`, `"cat"` or `True`. */
export type Literal = string;

export interface Chosen {
  values: readonly Literal[];
  /** Bounds of a range as literals; null: open. */
  from: Literal | null;
  to: Literal | null;
}

const NOTHING: Chosen = { values: [], from: null, to: null };

export const literal = (value: string | number | boolean): Literal =>
  typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value);

/** The parts that `and` joins outside of brackets; an expression with an `or` there is a single part. */
export function conditions(text: string): string[] {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (const { text: word, start } of tokenize(text)) {
    if ("([".includes(word)) depth++;
    else if (")]".includes(word)) depth--;
    else if (depth === 0 && word === "or") return [text.trim()];
    else if (depth === 0 && word === "and") {
      parts.push(text.slice(from, start));
      from = start + word.length;
    }
  }
  return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== "");
}

/** What an expression asks of a column, as far as a facet could have written it. */
export function chosenOf(text: string, column: string): Chosen {
  const own = conditions(text).flatMap((part) => read(part, column) ?? []);
  return {
    values: own.flatMap(({ values }) => values),
    from: own.find(({ from }) => from !== null)?.from ?? null,
    to: own.find(({ to }) => to !== null)?.to ?? null,
  };
}

export type ColumnKind = "number" | "time" | "category" | "text" | "boolean" | "list";

/** The expression with other conditions for a column. They stay where they were, or come last. */
export function withChosen(text: string, column: string, kind: ColumnKind, next: Partial<Chosen>): string {
  const parts = conditions(text);
  const place = parts.findIndex((part) => read(part, column));
  const others = parts.filter((part) => !read(part, column));
  const written = write(columnName(column), kind, { ...NOTHING, ...next });
  const at = place < 0 ? others.length : parts.slice(0, place).filter((part) => !read(part, column)).length;
  const all = others.toSpliced(at, 0, ...written);
  return all.length < 2 ? all.join("") : all.map(enclosed).join(" and ");
}

const enclosed = (part: string): string =>
  tokenize(part).some(({ text }) => text === "or") && !/^\(.*\)$/s.test(part) ? `(${part})` : part;

function write(column: string, kind: ColumnKind, { values, from, to }: Chosen): string[] {
  if (from !== null || to !== null) {
    if (from === null) return [`${column} < ${to}`];
    return [to === null ? `${column} >= ${from}` : `${from} <= ${column} < ${to}`];
  }
  if (values.length === 0) return [];
  if (kind === "list") return values.map((value) => `${value} in ${column}`);
  if (kind === "boolean") return values.length > 1 ? [] : [values[0] === "True" ? column : `not ${column}`];
  return [values.length === 1 ? `${column} == ${values[0]}` : `${column} in [${values.join(", ")}]`];
}

/** A condition in pieces: the column as `{}`, other operands as literals, operators and brackets as they are. */
function pieces(condition: string, column: string): string[] {
  const tokens = tokenize(condition).filter(({ kind }) => kind !== "space");
  const found: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const { kind, text } = tokens[i] as Token;
    const after = tokens.slice(i, i + 4).map((token) => token.text);
    if (after[0] === "col" && after[1] === "(" && after[3] === ")" && unquoted(after[2] ?? "") === column) {
      found.push("{}");
      i += 3;
    } else if (kind === "name" && text === column) found.push("{}");
    else if (kind === "string") found.push(JSON.stringify(unquoted(text)));
    else if (kind === "number") {
      const negative = found.at(-1) === "-";
      if (negative) found.pop();
      found.push(JSON.stringify(Number(`${negative ? "-" : ""}${text}`)));
    } else found.push(text);
  }
  return found;
}

const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
const unquoted = (text: string): string => text.slice(1, -1).replace(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c);

const VALUE = /^(?:".*"|-?\d.*|True|False)$/s;

function read(condition: string, column: string): Chosen | null {
  const found = pieces(condition, column);
  const shape = found.map((piece) => (VALUE.test(piece) ? "v" : piece)).join(" ");
  const [first, , third, , fifth] = found as [string, string, string, string, string];
  if (shape === "{}") return { ...NOTHING, values: ["True"] };
  if (shape === "not {}") return { ...NOTHING, values: ["False"] };
  if (shape === "{} == v") return { ...NOTHING, values: [third] };
  if (shape === "v in {}") return { ...NOTHING, values: [first] };
  if (/^\{\} in \[( v ,)* v \]$/.test(shape))
    return { ...NOTHING, values: found.slice(3, -1).filter((piece) => VALUE.test(piece)) };
  if (/^\{\} <=? v$/.test(shape)) return { ...NOTHING, to: third };
  if (/^\{\} >=? v$/.test(shape)) return { ...NOTHING, from: third };
  return /^v <=? \{\} <=? v$/.test(shape) ? { ...NOTHING, from: first, to: fifth } : null;
}
