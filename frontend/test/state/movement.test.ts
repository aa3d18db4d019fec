import { describe, expect, it } from "vitest";
import type { LayerMovement } from "../../src/api/types";
import { movementScale } from "../../src/state/movement";

const layer = (name: string, distance: number | null, n = 899): LayerMovement => ({
  name,
  n,
  neurons: 8,
  other_neurons: 8,
  distance,
  problem: distance === null ? "The activations do not vary." : null,
});
const scaleOf = (...distances: (number | null)[]) =>
  movementScale(distances.map((distance, i) => layer(String(i), distance)));
const figures = (...distances: (number | null)[]): string[] =>
  [...scaleOf(...distances).rungs.values()].map(({ figure }) => figure);

describe("the scale of how far layers moved", () => {
  it.each([
    [[0.001, 0.16, 0.1], "0.2", ["0.00", "0.16", "0.10"]],
    [[0.2], "0.2", ["0.20"]],
    [[0.21, 0.4], "0.5", ["0.21", "0.40"]],
    [[0.062, 0.034], "0.1", ["0.06", "0.03"]],
    [[0.034, 0.0461], "0.05", ["0.034", "0.046"]],
    [[1.02], "2", ["1.02"]],
    [[0.0004, 0.0081], "0.01", ["0.000", "0.008"]],
  ])("ends at the largest, rounded up: %j to %s", (distances, end, said) => {
    expect(scaleOf(...distances).end).toBe(end);
    expect(figures(...distances)).toEqual(said);
  });

  it("has bars in proportion, and the largest bold", () => {
    const rungs = [...scaleOf(0.05, 0.16, 0.1).rungs.values()];
    expect(rungs.map(({ fraction }) => fraction)).toEqual([0.25, 0.8, 0.5].map((share) => expect.closeTo(share, 9)));
    expect(rungs.map(({ bold }) => bold)).toEqual([false, true, false]);
    expect(rungs[1]?.label).toBe("movement 0.16 (1 − CKA) over 899 instances");
  });

  it("has nothing bold where nothing moved", () => {
    const { rungs, end } = scaleOf(0, 1e-9);
    expect([...rungs.values()].map(({ fraction, bold }) => [fraction < 1e-6, bold])).toEqual([
      [true, false],
      [true, false],
    ]);
    expect(end).toBe("0.01");
  });

  it("says why there is no figure", () => {
    const { rungs } = scaleOf(null, 0.5);
    expect(rungs.get("0")).toEqual({
      fraction: 0,
      figure: "–",
      bold: false,
      label: "movement unknown: The activations do not vary.",
    });
    expect(rungs.get("1")?.bold).toBe(true);
  });
});
