import { expect, test, vi } from "vitest";
import { cut } from "../../src/draw/text";

// Without a canvas each letter is 0.55 times the size wide: 10 px.
vi.stubGlobal("document", { createElement: () => ({ getContext: () => null }) });
const SIZE = 10 / 0.55;

test("a text that does not fit ends in an ellipsis", () => {
  expect(cut("flycatcher", 100, SIZE)).toBe("flycatcher");
  expect(cut("flycatchers", 100, SIZE)).toBe("flycatche…");
  expect(cut("flycatchers", 30, SIZE)).toBe("");
});

test("a name that was cut inside gives way in front of its ellipsis, once", () => {
  expect(cut("Greater flycat… 85", 120, SIZE)).toBe("Greater … 85");
  // There is no room for the end.
  expect(cut("Greater… plumage 85", 60, SIZE)).toBe("Great…");
  expect(cut("…plumage, ring 85", 60, SIZE)).toBe("…plum…");
});
