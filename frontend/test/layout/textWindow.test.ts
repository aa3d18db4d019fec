import { describe, expect, it } from "vitest";
import { firstMatch, marked, markedPart, textWindow, visibleToken } from "../../src/layout/textWindow";

const TEXT = "What is the name of the chocolate company in San Francisco, and who was the first to own it ?";

describe("the first match", () => {
  it("is of the word that comes first", () => {
    expect(firstMatch(TEXT, ["who", "name"])).toBe(TEXT.indexOf("name"));
    expect(firstMatch(TEXT, ["nobody", ""])).toBe(-1);
  });
});

describe("a window on a text", () => {
  it("is the text where it fits, where nothing is looked for, and where the match is seen anyway", () => {
    expect(textWindow("short", 3, 40)).toBe("short");
    expect(textWindow(TEXT, -1, 40)).toBe(TEXT);
    expect(textWindow(TEXT, TEXT.indexOf("name"), 40)).toBe(TEXT);
  });

  it("opens at a word before the match", () => {
    const shown = textWindow(TEXT, TEXT.indexOf("who"), 40);
    expect(shown).toMatch(/^…\S/);
    expect(shown.indexOf("who")).toBeGreaterThan(0);
    expect(shown.indexOf("who")).toBeLessThan(24);
    expect(TEXT.endsWith(shown.slice(1))).toBe(true);
    expect(TEXT.slice(0, TEXT.length - shown.length + 1)).toMatch(/ $/);
  });

  it("cuts a text without spaces too, and keeps the match", () => {
    const long = `${"x".repeat(100)}who${"y".repeat(5)}`;
    const shown = textWindow(long, 100, 40);
    expect(shown).toContain("who");
    expect(shown.length).toBe(40);
  });

  it("fills the room at the end", () => {
    expect(textWindow(TEXT, TEXT.indexOf("own"), 60).length).toBeGreaterThan(40);
  });
});

describe("a token in its context", () => {
  it("is found again in the one text", () => {
    expect(markedPart(marked("in ", "Paris", " now"))).toEqual({ before: "in ", token: "Paris", after: " now" });
    expect(markedPart(marked(undefined, "Paris", null))).toEqual({ before: "", token: "Paris", after: "" });
  });
  it("is quoted where it is white space", () => {
    expect(["\n", " ", " the"].map(visibleToken)).toEqual(['"\\n"', '" "', " the"]);
  });
  it("is not in other texts", () => expect(markedPart(TEXT)).toBeNull());
});
