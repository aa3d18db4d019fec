import { describe, expect, it } from "vitest";
import { piecesOf, tokenWindow } from "../../src/layout/tokens";

describe("piecesOf", () => {
  it("sets words apart", () => {
    expect(piecesOf(["What", "is", "it", "?"])).toEqual([
      { text: "What", apart: false },
      { text: "is", apart: true },
      { text: "it", apart: true },
      { text: "?", apart: true },
    ]);
  });

  it("keeps the parts of a word together where tokens have their spaces", () => {
    const pieces = piecesOf(["The", " Nile", "'s", " river", "bed", "."]);
    expect(pieces.map(({ text, apart }) => (apart ? " " : "") + text).join("")).toBe("The Nile's riverbed.");
  });

  it("marks what would not be seen", () => {
    expect(piecesOf(["a", "\n\n", " ", "", " b"]).map(({ text }) => text)).toEqual(["a", "↵↵", "␣", "∅", "b"]);
  });
});

describe("tokenWindow", () => {
  const pieces = piecesOf(Array.from({ length: 20 }, (_, i) => `word${i % 10}`)); // five letters each, and a space
  const letters = (from: number, to: number): number =>
    pieces.slice(from, to).reduce((sum, { text, apart }) => sum + text.length + (apart ? 1 : 0), 0);

  it("shows all where there is room, and the start where the peak is seen there", () => {
    expect(tokenWindow(pieces, 19, Infinity)).toEqual([0, 20]);
    expect(tokenWindow(pieces, 4, 30)).toEqual([0, 5]);
    expect(tokenWindow(pieces, -1, 30)).toEqual([0, 5]);
  });

  it("opens shortly before a peak that lies behind, and fits the room", () => {
    for (const peak of [5, 12, 19]) {
      const [from, to] = tokenWindow(pieces, peak, 30);
      expect(from).toBe(peak - 2);
      expect(to).toBe(Math.min(20, peak + 3));
      expect(letters(from, to)).toBeLessThanOrEqual(30);
    }
  });

  it("shows a peak that is longer than the room, and nothing of nothing", () => {
    expect(tokenWindow(piecesOf(["a", "x".repeat(100), "b"]), 1, 10)).toEqual([0, 2]);
    expect(tokenWindow([], 0, 10)).toEqual([0, 0]);
  });
});
