import { beforeEach, expect, test, vi } from "vitest";
import { drawNow, queueDraw } from "../../src/draw/drawQueue";

let frames: (() => void)[] = [];
let time = 0;
vi.stubGlobal("requestAnimationFrame", (frame: () => void) => frames.push(frame));
vi.stubGlobal("performance", { now: () => time });

/** Draws the next frame; what was drawn in it. */
function frame(): string[] {
  drawn = [];
  const due = frames;
  frames = [];
  due.forEach((step) => step());
  return drawn;
}

let drawn: string[] = [];
const canvas = (hovered = false): Element =>
  ({ parentElement: { matches: (what: string) => what === ":hover" && hovered } }) as unknown as Element;
const draws = (name: string, milliseconds: number) => () => {
  drawn.push(name);
  time += milliseconds;
};
const [a, b, c, pointed] = [canvas(), canvas(), canvas(), canvas(true)];

beforeEach(() => {
  while (frames.length > 0) frame();
});

test("short pictures are drawn in one frame, long ones in a frame each, and then no frame is asked for", () => {
  for (const [at, name] of [
    [a, "a"],
    [b, "b"],
    [c, "c"],
  ] as const)
    queueDraw(at, draws(name, 2));
  expect(frames).toHaveLength(1);
  expect(frame()).toEqual(["a", "b", "c"]);
  expect(frames).toHaveLength(0);
  for (const [at, name] of [
    [a, "a"],
    [b, "b"],
    [c, "c"],
  ] as const)
    queueDraw(at, draws(name, 20));
  expect([frame(), frame(), frame(), frame()]).toEqual([["a"], ["b"], ["c"], []]);
});

test("the one under the pointer goes first, and of each only what came last is drawn", () => {
  queueDraw(a, draws("old", 20));
  queueDraw(b, draws("b", 20));
  queueDraw(pointed, draws("pointed", 20));
  queueDraw(a, draws("a", 20));
  expect([frame(), frame(), frame(), frame()]).toEqual([["pointed"], ["a"], ["b"], []]);
});

test("where one is drawn in every frame, the others are not forgotten", () => {
  queueDraw(a, draws("a", 20));
  const seen: string[][] = [];
  for (let moves = 0; moves < 4; moves++) {
    queueDraw(pointed, draws("pointed", 20));
    seen.push(frame());
  }
  expect(seen).toEqual([["pointed"], ["a"], ["pointed"], ["pointed"]]);
});

test("what is drawn at once is not drawn again", () => {
  queueDraw(a, draws("old", 2));
  queueDraw(b, draws("b", 2));
  drawn = [];
  drawNow(a, draws("a", 2));
  expect(drawn).toEqual(["a"]);
  expect(frame()).toEqual(["b"]);
  queueDraw(c, draws("c", 2));
  drawNow(c, draws("now", 2));
  expect(frame()).toEqual([]);
});
