/**
 * Evaluates expressions over recorded rows of the table: comparisons, and, or, not, in, isin, contains, startswith,
 * endswith, isnull, col, neuron. What else the language has (tensorboard_activis/expression) is not in an export.
 */

import { notHere } from "./packs";
import type { Cell } from "./types";

/** The value of a column, or of a neuron, on an instance. */
export interface Lookup {
  /** Undefined for a column that there is not. */
  column(name: string): readonly Cell[] | undefined;
  neuron(layer: string, index: number): readonly Cell[];
  count: number;
}

/** Of every instance; a literal is one value. */
type Value = { each: readonly Cell[] } | { literal: Cell };
type Truth = boolean | null;

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|([=!<>]=|[<>()[\],.+-]))/uy;
const SIGNS = new Set(["==", "!=", "<", "<=", ">", ">="]);
/** The longest text of a table; longer ones are cut there, and nothing is known of their rest. */
const LONGEST = 2000;

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
    return truths ?? this.#each((index) => truthOf(at(left, index)));
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
    const right = list ? { literal: null } : this.#operand();
    const found = list ? this.#isIn(left, this.#list()) : this.#texts(right, left, (text, part) => text.includes(part));
    return { truths: negated ? found.map((truth) => (truth === null ? null : !truth)) : found, right };
  }

  #each<T>(make: (index: number) => T): T[] {
    return Array.from({ length: this.lookup.count }, (_, index) => make(index));
  }

  #compare(left: Value, sign: string, right: Value): Truth[] {
    const [a, b] = [rounded(left, right), rounded(right, left)];
    return this.#each((index) => {
      const [one, other] = [at(a, index), at(b, index)];
      if (one === null || other === null) return null;
      const [x, y] = alike(one, other);
      if (sign === "==") return x === y;
      if (sign === "!=") return x !== y;
      if (typeof x === "boolean" || typeof one !== typeof other) throw notHere();
      return sign === "<" ? x < y : sign === "<=" ? x <= y : sign === ">" ? x > y : x >= y;
    });
  }

  #isIn(value: Value, list: Cell[]): Truth[] {
    const each = list.map((literal) => this.#compare(value, "==", { literal }));
    return this.#each((index) => (at(value, index) === null ? null : each.some((truths) => truths[index] === true)));
  }

  #texts(text: Value, part: Value, test: (text: string, part: string) => boolean): Truth[] {
    if (!("literal" in part) || typeof part.literal !== "string") throw notHere();
    const { literal } = part;
    return this.#each((index) => {
      const value = at(text, index);
      if (value === null) return null;
      if (typeof value !== "string" || value.length > LONGEST) throw notHere();
      return test(value, literal);
    });
  }

  #list(): Cell[] {
    const list: Cell[] = [];
    this.#must("[");
    while (!this.#take("]")) {
      const value = this.#operand();
      if (!("literal" in value)) throw notHere();
      list.push(value.literal);
      if (this.#tokens[this.#at] !== "]") this.#must(",");
    }
    return list;
  }

  #operand(): Value {
    const token = this.#tokens[this.#at++] ?? "";
    if (token === "-" || token === "+") {
      const value = this.#operand();
      if (!("literal" in value) || typeof value.literal !== "number") throw notHere();
      return { literal: token === "-" ? -value.literal : value.literal };
    }
    if (/^["']/.test(token)) return { literal: textOf(token) };
    if (/^[.\d]/.test(token)) return { literal: Number(token) };
    if (token === "True" || token === "False") return { literal: token === "True" };
    if (this.#take("(")) return this.#called(token, null);
    const value = { each: this.#column(token) };
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
      return { each };
    }
    const given = first ? [first] : [];
    while (!this.#take(")")) {
      given.push(this.#operand());
      if (this.#tokens[this.#at] !== ")") this.#must(",");
    }
    const [a, b] = given;
    if (name === "col" && a && "literal" in a && given.length === 1) {
      const value = { each: this.#column(String(a.literal)) };
      return this.#take(".") ? this.#method(value) : value;
    }
    if (name === "isnull" && a && given.length === 1) return { each: this.#each((index) => at(a, index) === null) };
    if (!a || !b || given.length !== 2) throw notHere();
    if (name === "neuron" && "literal" in a && "literal" in b)
      return { each: this.lookup.neuron(String(a.literal), Number(b.literal)) };
    if (name === "contains") return { each: this.#texts(a, b, (text, part) => text.includes(part)) };
    if (name === "startswith") return { each: this.#texts(a, b, (text, part) => text.startsWith(part)) };
    if (name === "endswith") return { each: this.#texts(a, b, (text, part) => text.endsWith(part)) };
    throw notHere();
  }

  #column(name: string): readonly Cell[] {
    const values = this.lookup.column(name);
    if (!values) throw notHere();
    return values;
  }
}

/** Three-valued logic: a missing value makes neither true nor false, unless the other side decides. */
const together = (ones: Truth[], others: Truth[], deciding: boolean): Truth[] =>
  ones.map((truth, index) => {
    const other = others[index] ?? null;
    if (truth === deciding || other === deciding) return deciding;
    return truth === null || other === null ? null : !deciding;
  });

const at = (value: Value, index: number): Cell => ("literal" in value ? value.literal : (value.each[index] ?? null));

function truthOf(value: Cell): Truth {
  if (value !== null && typeof value !== "boolean") throw notHere();
  return value;
}

/** Two values of one kind. A class may be written as a number where its name is one. */
function alike(a: string | number | boolean, b: string | number | boolean): [string | number | boolean, typeof a] {
  if (typeof a === typeof b) return [a, b];
  if (typeof a === "boolean" || typeof b === "boolean") throw notHere();
  return [String(a), String(b)];
}

/** A literal beside values of 32 bits becomes one of these, as everywhere in the language: 0.9 is more than itself there. */
function rounded(value: Value, other: Value): Value {
  if (!("literal" in value) || typeof value.literal !== "number" || "literal" in other) return value;
  const single = other.each.every((one) => typeof one !== "number" || Math.fround(one) === one);
  return single ? { literal: Math.fround(value.literal) } : value;
}

/** The text that a literal of Python means; one with other escapes than JSON's is not known here. */
function textOf(token: string): string {
  const inner = token.slice(1, -1);
  if (!inner.includes("\\")) return inner;
  if (token.startsWith("'") || /\\[^"\\/bfnrtu]/.test(inner)) throw notHere();
  return JSON.parse(token) as string;
}
