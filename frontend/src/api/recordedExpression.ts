/**
 * Evaluates expressions over recorded rows of the table: comparisons, and, or, not, in, isin, contains, startswith,
 * endswith, isnull, col, neuron. What else the language has (tensorboard_activis/expression) is not in an export, and
 * neither is what the server would refuse.
 */

import { notHere } from "./packs";
import { compared, LONGEST, microseconds } from "./recordedValues";
import type { Cell, ColumnInfo } from "./types";

/** A column: what its values are, and each of them. */
export interface Known {
  type: ColumnInfo["type"];
  each: readonly Cell[];
}

/** The columns and neurons that an expression may ask for. */
export interface Lookup {
  /** Undefined for a column that there is not. */
  column(name: string): Known | undefined;
  neuron(layer: string, index: number): readonly Cell[];
  count: number;
}

/** Of every instance; a literal is one value. Times are microseconds. `name`: of a column; `whole`: written as an integer. */
interface Each {
  kind: "boolean" | "number" | "text" | "time";
  each: readonly Cell[];
  name?: string;
}
interface Literal {
  kind: Each["kind"];
  literal: NonNullable<Cell>;
  whole?: boolean;
}
type Value = Each | Literal;
type Truth = boolean | null;

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|([=!<>]=|[<>()[\],.+-]))/uy;
const SIGNS = new Set(["==", "!=", "<", "<=", ">", ">="]);
/** Columns of class names: a class named "8" may be written as 8. */
const CLASSES = new Set<string | undefined>(["label", "prediction"]);
/** Columns of 32 bits. */
const SINGLE = new Set<string | undefined>(["score", "loss", "label_score"]);

/** Which instances an expression is true for, ascending. Throws ApiError for what this evaluator does not know. */
export function matching(expression: string, lookup: Lookup): number[] {
  const truths = new Parser(expression, lookup).whole();
  return truths.flatMap((truth, index) => (truth ? [index] : []));
}

class Parser {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(
    text: string,
    readonly lookup: Lookup,
  ) {
    TOKEN.lastIndex = 0;
    const end = text.trimEnd().length;
    for (let at = 0; at < end; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      if (!found) throw notHere();
      this.#tokens.push(found[1] ?? found[2] ?? found[3] ?? found[4] ?? "");
    }
  }

  whole(): Truth[] {
    const truths = this.#joined("or", () => this.#joined("and", () => this.#negated()));
    if (this.#at < this.#tokens.length) throw notHere();
    return truths;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #must(token: string): void {
    if (!this.#take(token)) throw notHere();
  }

  #joined(word: "and" | "or", part: () => Truth[]): Truth[] {
    const deciding = word === "or";
    let truths = part();
    while (this.#take(word)) truths = together(truths, part(), deciding);
    return truths;
  }

  #negated(): Truth[] {
    if (this.#take("not")) return this.#negated().map((truth) => (truth === null ? null : !truth));
    return this.#chain();
  }

  #chain(): Truth[] {
    const start = this.#at;
    if (this.#take("(")) {
      const truths = this.#joined("or", () => this.#joined("and", () => this.#negated()));
      this.#must(")");
      if (!SIGNS.has(this.#tokens[this.#at] ?? "")) return truths;
      this.#at = start;
    }
    let left = this.#operand();
    let truths: Truth[] | null = null;
    for (let next = this.#compared(left); next; next = this.#compared(left)) {
      truths = truths ? together(truths, next.truths, false) : next.truths;
      left = next.right;
    }
    if (!truths && left.kind !== "boolean") throw notHere();
    return truths ?? this.#each((index) => at(left, index) as Truth);
  }

  #compared(left: Value): { truths: Truth[]; right: Value } | null {
    const sign = this.#tokens[this.#at] ?? "";
    if (SIGNS.has(sign)) {
      this.#at++;
      const right = this.#operand();
      return { truths: this.#compare(left, sign, right), right };
    }
    const negated = sign === "not" && this.#tokens[this.#at + 1] === "in";
    if (sign !== "in" && !negated) return null;
    this.#at += negated ? 2 : 1;
    const list = this.#tokens[this.#at] === "[";
    const right = list ? left : this.#operand();
    const found = list ? this.#isIn(left, this.#list()) : this.#texts(right, left, (text, part) => text.includes(part));
    // A list that is compared further is nothing that the language has.
    if (list && (SIGNS.has(this.#tokens[this.#at] ?? "") || /^(in|not)$/.test(this.#tokens[this.#at] ?? "")))
      throw notHere();
    return { truths: negated ? found.map((truth) => (truth === null ? null : !truth)) : found, right };
  }

  #each<T>(make: (index: number) => T): T[] {
    return Array.from({ length: this.lookup.count }, (_, index) => make(index));
  }

  #compare(left: Value, sign: string, right: Value): Truth[] {
    const [a, b] = [adapted(left, right, sign), adapted(right, left, sign)];
    if (a.kind !== b.kind || (a.kind === "boolean" && sign !== "==" && sign !== "!=")) throw notHere();
    const truths = this.#each((index) => truthOf(at(a, index), sign, at(b, index)));
    // A literal beside 32 bits becomes one of these: 0.9 is more than itself there. Of how many bits others are is not known.
    for (const [one, other, literal] of [
      [a, b, "literal" in a],
      [b, a, "literal" in b],
    ] as const) {
      if (!literal || "literal" in other || one.kind !== "number" || SINGLE.has(other.name)) continue;
      const single = Math.fround((one as Literal).literal as number);
      if (!other.each.every((value) => value === null || Math.fround(value as number) === value)) continue;
      const pair = (index: number): [Cell, Cell] => (one === a ? [single, at(b, index)] : [at(a, index), single]);
      if (truths.some((truth, index) => truth !== truthOf(pair(index)[0], sign, pair(index)[1]))) throw notHere();
    }
    return truths;
  }

  #isIn(value: Value, list: Literal[]): Truth[] {
    const each = list.map((literal) => this.#compare(value, "==", literal));
    return this.#each((index) => (at(value, index) === null ? null : each.some((truths) => truths[index] === true)));
  }

  #texts(text: Value, part: Value, test: (text: string, part: string) => boolean): Truth[] {
    if (!("literal" in part) || part.kind !== "text" || text.kind !== "text") throw notHere();
    return this.#each((index) => {
      const value = at(text, index) as string | null;
      if (value === null) return null;
      if (value.length > LONGEST) throw notHere();
      return test(value, part.literal as string);
    });
  }

  #list(): Literal[] {
    const list: Literal[] = [];
    this.#must("[");
    while (!this.#take("]")) {
      const value = this.#operand();
      if (!("literal" in value)) throw notHere();
      list.push(value);
      if (this.#tokens[this.#at] !== "]") this.#must(",");
    }
    return list;
  }

  #operand(): Value {
    const token = this.#tokens[this.#at++] ?? "";
    if (token === "-" || token === "+") {
      const value = this.#operand();
      if (!("literal" in value) || typeof value.literal !== "number") throw notHere();
      return { ...value, literal: token === "-" ? -value.literal : value.literal };
    }
    if (/^["']/.test(token)) return { kind: "text", literal: textOf(token) };
    if (/^[.\d]/.test(token)) return numberOf(token);
    if (token === "True" || token === "False") return { kind: "boolean", literal: token === "True" };
    if (this.#take("(")) return this.#called(token, null);
    const value = this.#column(token);
    return this.#take(".") ? this.#method(value) : value;
  }

  #method(value: Value): Value {
    const name = this.#tokens[this.#at++] ?? "";
    this.#must("(");
    return this.#called(name, value);
  }

  #called(name: string, first: Value | null): Value {
    if (name === "isin") {
      const value = first ?? this.#operand();
      if (!first) this.#must(",");
      const each = this.#isIn(value, this.#list());
      this.#must(")");
      return { kind: "boolean", each };
    }
    const given = first ? [first] : [];
    while (!this.#take(")")) {
      given.push(this.#operand());
      if (this.#tokens[this.#at] !== ")") this.#must(",");
    }
    const [a, b] = given;
    if (name === "col" && a && "literal" in a && given.length === 1) {
      const value = this.#column(String(a.literal));
      return this.#take(".") ? this.#method(value) : value;
    }
    if (name === "isnull" && a && given.length === 1) return condition(this.#each((index) => at(a, index) === null));
    if (!a || !b || given.length !== 2) throw notHere();
    if (name === "neuron" && "literal" in a && "literal" in b && a.kind === "text" && b.whole)
      return { kind: "number", each: this.lookup.neuron(String(a.literal), Number(b.literal)), name: "" };
    if (name === "contains") return condition(this.#texts(a, b, (text, part) => text.includes(part)));
    if (name === "startswith") return condition(this.#texts(a, b, (text, part) => text.startsWith(part)));
    if (name === "endswith") return condition(this.#texts(a, b, (text, part) => text.endsWith(part)));
    throw notHere();
  }

  #column(name: string): Each {
    const known = this.lookup.column(name);
    // Of a list, the table has its parts as one text.
    if (!known || known.type === "list") throw notHere();
    if (known.type === "time") return { kind: "time", each: known.each.map(microseconds), name };
    if (known.type === "number" && !known.each.every((value) => value === null || isExact(value))) throw notHere();
    return { kind: known.type === "category" ? "text" : known.type, each: known.each, name };
  }
}

const condition = (each: readonly Truth[]): Each => ({ kind: "boolean", each });

/** Three-valued logic: a missing value makes neither true nor false, unless the other side decides. */
const together = (ones: Truth[], others: Truth[], deciding: boolean): Truth[] =>
  ones.map((truth, index) => {
    const other = others[index] ?? null;
    if (truth === deciding || other === deciding) return deciding;
    return truth === null || other === null ? null : !deciding;
  });

const at = (value: Value, index: number): Cell => ("literal" in value ? value.literal : (value.each[index] ?? null));

function truthOf(one: Cell, sign: string, other: Cell): Truth {
  if (one === null || other === null) return null;
  if (typeof one === "string" && typeof other === "string" && Math.min(one.length, other.length) > LONGEST)
    throw notHere();
  const order = compared(one, other);
  if (sign === "==") return order === 0;
  if (sign === "!=") return order !== 0;
  return sign === "<" ? order < 0 : sign === "<=" ? order <= 0 : sign === ">" ? order > 0 : order >= 0;
}

/** A literal as the column has it that it is compared with: a class by its name, a time, a number of 32 bits. */
function adapted(value: Value, other: Value, sign: string): Value {
  if (!("literal" in value) || "literal" in other) return value;
  if (other.kind === "time" && typeof value.literal === "string") {
    const literal = microseconds(value.literal);
    if (literal === null) throw notHere();
    return { kind: "time", literal };
  }
  if (value.kind !== "number") return value;
  if (other.kind === "text" && value.whole && CLASSES.has(other.name) && (sign === "==" || sign === "!="))
    return { kind: "text", literal: String(value.literal) };
  return SINGLE.has(other.name) ? { ...value, literal: Math.fround(value.literal as number) } : value;
}

/** Whether JavaScript has the number as it was logged. */
const isExact = (value: Cell): boolean =>
  Math.abs(value as number) <= Number.MAX_SAFE_INTEGER || Math.abs(value as number) === Infinity;

function numberOf(token: string): Literal {
  const literal = Number(token);
  if (!isExact(literal) || /^0\d/.test(token)) throw notHere();
  return { kind: "number", literal, whole: /^\d+$/.test(token) };
}

/** The text that a literal of Python means; one with other escapes than JSON's is not known here. */
function textOf(token: string): string {
  const inner = token.slice(1, -1);
  if (!inner.includes("\\")) return inner;
  if (token.startsWith("'") || /\\[^"\\/bfnrtu]/.test(inner)) throw notHere();
  return JSON.parse(token) as string;
}
