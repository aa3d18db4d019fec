/** Converts what is typed into a column's filter to an expression of the subset language. */

import type { ColumnInfo } from "../../api/types";
import { never } from "../../lib/never";
import { columnName } from "../../state/buildExpression";

/** A filter as an expression; null if it is empty, `wrong` if it is invalid. */
export type Filter = { expression: string } | { wrong: string } | null;

const NUMBER = String.raw`[-−+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`;
const COMPARED = new RegExp(`^(==|=|!=|<=|>=|<|>)?\\s*(${NUMBER})$`);
const RANGE = new RegExp(`^(${NUMBER})\\s*(?:\\.\\.|…|–)\\s*(${NUMBER})$`);

const TIME = String.raw`\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[-+]\d\d:\d\d)?)?`;
const TIME_COMPARED = new RegExp(`^(==|=|!=|<=|>=|<|>)?\\s*(${TIME})$`);
const TIMES = new RegExp(`^(${TIME})\\s*(?:\\.\\.|…|–)\\s*(${TIME})$`);

const quoted = (text: string): string => JSON.stringify(text);
const number = (text: string): string => text.replace("−", "-");

/**
 * Converts a column filter. `classes` gives the expression of a class by its name; it is called for label columns only.
 */
export function columnFilter(
  { name, type }: ColumnInfo,
  typed: string,
  classes: (name: string) => string | null = () => null,
): Filter {
  const text = typed.trim();
  if (text === "") return null;
  const column = columnName(name);
  if (name === "label" || name === "prediction") {
    const not = text.startsWith("!=");
    const own = classes(text.replace(/^(==|=|!=)\s*/, ""));
    if (own) {
      const test = name === "label" ? own : own.replace(/^label\b/, "prediction");
      return { expression: not ? `not (${test})` : test };
    }
  }
  switch (type) {
    case "boolean":
      return booleanFilter(column, text);
    case "number":
      return numberFilter(column, text);
    case "time":
      return timeFilter(column, text);
    case "category":
    case "text":
    case "list":
      return textFilter(column, text);
    default:
      return never(type);
  }
}

function booleanFilter(column: string, text: string): Filter {
  if (/^(true|yes|right|1)$/i.test(text)) return { expression: column };
  return /^(false|no|wrong|0)$/i.test(text) ? { expression: `not ${column}` } : { wrong: "Write yes or no." };
}

function numberFilter(column: string, text: string): Filter {
  const range = RANGE.exec(text);
  if (range)
    return {
      expression: `${column} >= ${number(range[1] as string)} and ${column} <= ${number(range[2] as string)}`,
    };
  const one = COMPARED.exec(text);
  if (!one) return { wrong: "Write a number, > 0.5 or 0.2..0.4." };
  const operator = one[1] === undefined || one[1] === "=" ? "==" : one[1];
  return { expression: `${column} ${operator} ${number(one[2] as string)}` };
}

/** A day alone is all of it. */
function timeFilter(column: string, text: string): Filter {
  const range = TIMES.exec(text);
  const wrong = { wrong: "Write a day, > 2024-05-01 or 2024-05-01..2024-06-01." };
  if (range) return { expression: `${column} >= ${time(range[1])} and ${column} <= ${time(range[2])}` };
  const one = TIME_COMPARED.exec(text);
  if (!one) return wrong;
  const [, operator, moment = ""] = one;
  if (!Number.isFinite(Date.parse(moment))) return wrong;
  if (moment.length > 10 || (operator && operator !== "=" && operator !== "=="))
    return { expression: `${column} ${operator === undefined || operator === "=" ? "==" : operator} ${time(moment)}` };
  const next = new Date(Date.parse(moment) + 86_400_000).toISOString().slice(0, 10);
  return { expression: `${column} >= ${time(moment)} and ${column} < ${time(next)}` };
}

const time = (text = ""): string => quoted(text.replace(" ", "T"));

function textFilter(column: string, text: string): Filter {
  const exact = /^(==|=|!=)\s*(.*)$/s.exec(text);
  if (exact)
    return {
      expression: `${column} ${exact[1] === "!=" ? "!=" : "=="} ${quoted((exact[2] as string).replace(/^"(.*)"$/s, "$1"))}`,
    };
  return { expression: `${quoted(text)} in ${column}` };
}

/** The conjunction of all filters; null: everything. */
export function allOf(filters: readonly Filter[]): string | null {
  const parts = filters.flatMap((filter) => (filter && "expression" in filter ? [filter.expression] : []));
  return parts.length === 0
    ? null
    : parts.length === 1
      ? (parts[0] as string)
      : parts.map((part) => `(${part})`).join(" and ");
}
