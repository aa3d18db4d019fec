import { describe, expect, it } from "vitest";
import { layBranches } from "../../src/layout/graphLayered";
import type { BranchingEdge } from "../../src/layout/graphPlan";
import { crossings, orderLayers } from "../../src/layout/layeredOrder";
import { type Arc, ranksOf, turnedArcs } from "../../src/layout/layeredRanks";

/** A sequence of numbers from 0 to 1 that looks random and is always the same. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

/** An acyclic graph in which every vertex is connected with some earlier one. */
function acyclic(count: number, seed: number): Arc[] {
  const next = numbers(seed);
  const arcs: Arc[] = [];
  for (let to = 1; to < count; to++) {
    const sure = Math.floor(next() * to);
    for (let from = 0; from < to; from++) if (from === sure || next() < 0.2) arcs.push({ from, to });
  }
  return arcs;
}

/** All choices of one of `most` numbers for each of `count` places. */
function* choices(count: number, most: number): Generator<number[]> {
  if (count === 0) yield [];
  else for (const rest of choices(count - 1, most)) for (let own = 0; own < most; own++) yield [...rest, own];
}

function* permutations(items: number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const [i, one] of items.entries()) for (const rest of permutations(items.toSpliced(i, 1))) yield [one, ...rest];
}

const total = (arcs: Arc[], ranks: number[]): number =>
  arcs.reduce((sum, { from, to }) => sum + ranks[to]! - ranks[from]!, 0);

describe("ranks", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("make all arcs together as short as can be (graph %i)", (seed) => {
    const arcs = acyclic(6, seed);
    const ranks = ranksOf(6, arcs);
    expect(Math.min(...ranks)).toBe(0);
    for (const { from, to } of arcs) expect(ranks[to]! - ranks[from]!).toBeGreaterThanOrEqual(1);
    let least = Infinity;
    for (const others of choices(6, 6))
      if (arcs.every(({ from, to }) => others[to]! > others[from]!)) least = Math.min(least, total(arcs, others));
    expect(total(arcs, ranks)).toBe(least);
  });

  it("put two inputs beside what uses their sum, though that is late", () => {
    // 0 → 1 → 2 → 3 → 4, and 5 and 6 into 7, which goes into 4.
    const arcs = [0, 1, 2, 3].map((from) => ({ from, to: from + 1 }));
    expect(ranksOf(8, [...arcs, { from: 5, to: 7 }, { from: 6, to: 7 }, { from: 7, to: 4 }])).toEqual([
      0, 1, 2, 3, 4, 2, 2, 3,
    ]);
  });

  it("turn around one arc of each cycle", () => {
    const arcs = [
      { from: 0, to: 1 },
      { from: 1, to: 2 },
      { from: 2, to: 0 },
      { from: 2, to: 3 },
    ];
    expect(turnedArcs(4, arcs)).toEqual([false, false, true, false]);
  });
});

describe("the order in the layers", () => {
  /** Two layers of five, with random arcs. */
  const twoLayers = (seed: number): { layers: number[][]; above: number[][]; below: number[][] } => {
    const next = numbers(seed);
    const graph = {
      layers: [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
      ],
      above: Array.from({ length: 10 }, (): number[] => []),
      below: Array.from({ length: 10 }, (): number[] => []),
    };
    for (let from = 0; from < 5; from++)
      for (let to = 5; to < 10; to++)
        if (next() < 0.35) {
          graph.below[from]!.push(to);
          graph.above[to]!.push(from);
        }
    return graph;
  };
  const counted = (layers: number[][], below: number[][]): number => {
    const [upper, lower] = layers as [number[], number[]];
    const ends = upper.flatMap((from, i) => below[from]!.map((to) => [i, lower.indexOf(to)] as const));
    return ends.reduce((sum, [from, to]) => sum + ends.filter(([other, its]) => other > from && its < to).length, 0);
  };

  it.each([1, 2, 3, 4, 5, 6])("counts crossings as a count of all pairs does (graph %i)", (seed) => {
    const { layers, below } = twoLayers(seed);
    expect(crossings(layers, below)).toBe(counted(layers, below));
  });

  it("crosses as few as the best of all orders in five of six random graphs", () => {
    const [uppers, lowers] = [[...permutations([0, 1, 2, 3, 4])], [...permutations([5, 6, 7, 8, 9])]];
    const seeds = Array.from({ length: 36 }, (_, i) => i + 1);
    const isBest = seeds.map((seed) => {
      const graph = twoLayers(seed);
      const layers = orderLayers(graph);
      expect(layers.map((layer) => layer.toSorted((a, b) => a - b))).toEqual(graph.layers);
      const own = counted(layers, graph.below);
      return uppers.every((upper) => lowers.every((lower) => counted([upper, lower], graph.below) >= own));
    });
    expect(isBest.filter(Boolean).length).toBeGreaterThanOrEqual(30);
  });

  it("has what comes first on the left, where both are as good", () => {
    const [above, below] = [
      [[], [0], [0], [1, 2]],
      [[2, 1], [3], [3], []],
    ];
    expect(orderLayers({ layers: [[0], [2, 1], [3]], above, below })).toEqual([[0], [1, 2], [3]]);
  });
});

describe("a layered layout", () => {
  const draw = (
    count: number,
    edges: readonly (readonly [number, number, number?])[],
    width: (i: number) => number = () => 90,
  ) => {
    const sizes = Array.from({ length: count }, (_, i) => ({ width: width(i), height: i % 2 === 0 ? 22 : 38 }));
    const wanted: BranchingEdge[] = edges.map(([from, to, labelWidth = 0]) => ({ from, to, labelWidth }));
    return { sizes, edges: wanted, ...layBranches(sizes, wanted) };
  };

  it("draws two towers side by side, with 10 between them and the input in the middle", () => {
    const { centres, width, height } = draw(4, [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ]);
    expect(width).toBe(190);
    expect(centres.map(({ x }) => x)).toEqual([95, 45, 145, 95]);
    // 22, 24, 38 (the higher one), 24, 38: centres in the middle of their layer.
    expect(height).toBe(146);
    expect(centres.map(({ y }) => y)).toEqual([11, 65, 65, 127]);
  });

  it("ends lines on the borders of their boxes", () => {
    const { centres, lines, sizes, edges } = draw(4, [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ]);
    lines.forEach(({ points }, i) => {
      for (const [at, box] of [
        [points[0]!, edges[i]!.from],
        [points.at(-1)!, edges[i]!.to],
      ] as const) {
        const [dx, dy] = [Math.abs(at.x - centres[box]!.x), Math.abs(at.y - centres[box]!.y)];
        expect(Math.max(dx / (sizes[box]!.width / 2), dy / (sizes[box]!.height / 2))).toBeCloseTo(1, 9);
      }
    });
  });

  it("keeps long lines straight", () => {
    // A chain of six, and a line from its first to its last beside it.
    const { lines } = draw(6, [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [0, 5],
    ]);
    const bends = lines[5]!.points.slice(1, -1);
    expect(bends).toHaveLength(9);
    expect(new Set(bends.map(({ x }) => x)).size).toBe(1);
  });

  it("draws one line of a cycle upwards, and none of a loop", () => {
    const { centres, lines } = draw(3, [
      [0, 1],
      [1, 2],
      [2, 0],
      [1, 1],
    ]);
    expect(centres.map(({ y }) => y)).toEqual(centres.map(({ y }) => y).toSorted((a, b) => a - b));
    const [up, loop] = [lines[2]!, lines[3]!];
    expect(up.points[0]!.y).toBeGreaterThan(up.points.at(-1)!.y);
    expect(loop).toEqual({ points: [], label: null });
  });

  it("has room for the shapes on the lines", () => {
    const { lines, centres, sizes, edges, width } = draw(5, [
      [0, 1, 70],
      [0, 2, 70],
      [1, 3, 70],
      [2, 3, 70],
      [3, 4, 70],
      [0, 4, 70],
    ]);
    const boxes = [
      ...centres.map((centre, i) => ({ ...centre, ...sizes[i]! })),
      ...lines.map(({ label }, i) => ({ ...label!, width: edges[i]!.labelWidth, height: 12 })),
    ];
    for (const [i, a] of boxes.entries()) {
      expect(a.x - a.width / 2).toBeGreaterThanOrEqual(0);
      expect(a.x + a.width / 2).toBeLessThanOrEqual(width);
      for (const b of boxes.slice(i + 1))
        expect(Math.abs(a.x - b.x) >= (a.width + b.width) / 2 || Math.abs(a.y - b.y) >= (a.height + b.height) / 2).toBe(
          true,
        );
    }
  });

  it.each([1, 2, 3, 4])("never draws boxes over each other (graph %i)", (seed) => {
    const arcs = acyclic(30, seed);
    const { centres, sizes, width, height } = draw(
      30,
      arcs.map(({ from, to }) => [from, to]),
      (i) => 60 + ((i * 37) % 90),
    );
    for (const [i, a] of centres.entries()) {
      expect(a.x - sizes[i]!.width / 2).toBeGreaterThanOrEqual(-1e-6);
      expect(a.x + sizes[i]!.width / 2).toBeLessThanOrEqual(width + 1e-6);
      expect(a.y + sizes[i]!.height / 2).toBeLessThanOrEqual(height + 1e-6);
      for (const [at, b] of centres.slice(i + 1).entries()) {
        const other = sizes[i + 1 + at]!;
        const beside = Math.abs(a.x - b.x) >= (sizes[i]!.width + other.width) / 2 + 10 - 1e-6;
        expect(beside || Math.abs(a.y - b.y) >= (sizes[i]!.height + other.height) / 2).toBe(true);
      }
    }
  });

  it("is empty for no boxes", () =>
    expect(layBranches([], [])).toEqual({ width: 0, height: 0, centres: [], lines: [] }));
});
