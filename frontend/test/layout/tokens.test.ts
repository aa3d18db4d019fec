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
  it("shows all where there is room, and the start where the peak is seen there", () => {
    expect(tokenWindow(pieces, 19, Infinity)).toEqual([0, 20]);
    // Twice the letters that surely have room.
    expect(tokenWindow(pieces, 4, 30)).toEqual([0, 10]);
    expect(tokenWindow(pieces, -1, 30)).toEqual([0, 10]);
  });

  it("opens shortly before a peak that lies behind", () => {
    expect(tokenWindow(pieces, 5, 30)).toEqual([3, 13]);
    expect(tokenWindow(pieces, 12, 30)).toEqual([10, 20]);
  });

  it("shows as much of the end as there is room for", () => {
    expect(tokenWindow(pieces, 19, 30)).toEqual([15, 20]);
    expect(tokenWindow(pieces, 17, 30)).toEqual([15, 20]);
  });

  it("shows a peak that is longer than the room, and nothing of nothing", () => {
    expect(tokenWindow(piecesOf(["a", "x".repeat(100), "b"]), 1, 10)).toEqual([0, 2]);
    expect(tokenWindow([], 0, 10)).toEqual([0, 0]);
  });
});
