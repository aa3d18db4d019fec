import { describe, expect, it } from "vitest";
import { tokenize } from "../../src/state/tokenize";

const kinds = (text: string): string[] =>
  tokenize(text)
    .filter(({ kind }) => kind !== "space")
    .map(({ kind, text: word }) => `${kind} ${word}`);

describe("tokens", () => {
  it("tells the words of the language apart", () => {
    expect(kinds('label == "HUM" and not correct and score >= 0.5e-2')).toEqual([
      "name label",
      "operator ==",
      'string "HUM"',
      "keyword and",
      "keyword not",
      "name correct",
      "keyword and",
      "name score",
      "operator >=",
      "number 0.5e-2",
    ]);
    expect(kinds("col('my \\' column').isin([1])")).toEqual([
      "name col",
      "operator (",
      "string 'my \\' column'",
      "operator )",
      "operator .",
      "name isin",
      "operator (",
      "operator [",
      "number 1",
      "operator ]",
      "operator )",
    ]);
  });

  it("loses nothing of what is typed, however broken", () => {
    for (const text of ['x == "open', "a ~~ ☃ $ 1..2", "  \t", "größe < 3", "x = 'a\nb'"]) {
      expect(
        tokenize(text)
          .map((token) => token.text)
          .join(""),
      ).toBe(text);
    }
  });
});
