/** Tokenizes the subset language for highlighting. Only the server decides whether an expression is valid. */

export type TokenKind = "name" | "keyword" | "string" | "number" | "operator" | "space" | "other";

export interface Token {
  kind: TokenKind;
  text: string;
  start: number;
}

const KEYWORDS = new Set(["and", "or", "not", "in", "True", "False", "None"]);
const PATTERNS: [TokenKind, RegExp][] = [
  ["space", /\s+/],
  ["string", /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?/],
  ["number", /(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/],
  ["name", /[\p{L}_][\p{L}\p{N}_]*/u],
  ["operator", /[=!<>]=|[<>()[\],.+\-*/%]/],
  ["other", /./],
];
const PATTERN = new RegExp(PATTERNS.map(([, { source }]) => `(${source})`).join("|"), "gsu");

export function tokenize(text: string): Token[] {
  return Array.from(text.matchAll(PATTERN), (match) => {
    const [kind] = PATTERNS[match.slice(1).findIndex((part) => part !== undefined)] ?? ["other"];
    return { kind: kind === "name" && KEYWORDS.has(match[0]) ? "keyword" : kind, text: match[0], start: match.index };
  });
}
