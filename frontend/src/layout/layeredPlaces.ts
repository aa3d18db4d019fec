/** Horizontal places of a layered layout (Brandes and Köpf 2002). */

import { type Layers, placesOf } from "./layeredOrder";

export interface Placed extends Layers {
  /** Room on either side of each vertex. */
  left: readonly number[];
  right: readonly number[];
  /** A bend of an arc, not a box. */
  isBend: (vertex: number) => boolean;
}

const BETWEEN_BOXES = 10;
const BETWEEN_BENDS = 8;

/**
 * x of each vertex: long arcs are straight, and boxes stand in the middle of their neighbours. Four extreme placements,
 * towards each corner, are averaged.
 */
export function horizontalPlaces(graph: Placed): number[] {
  const { layers, above, below, left, right, isBend } = graph;
  const crossed = crossedLongArcs(graph);
  const all = [above, below].flatMap((neighbours, upwards) => {
    const inTurn = upwards ? layers.toReversed() : layers;
    return [false, true].map((mirrored) => {
      const now = mirrored ? inTurn.map((layer) => layer.toReversed()) : inTurn;
      const [before, behind] = mirrored ? [right, left] : [left, right];
      const distance = (a: number, b: number): number =>
        behind[a]! +
        before[b]! +
        [a, b].reduce((sum, one) => sum + (isBend(one) ? BETWEEN_BENDS : BETWEEN_BOXES) / 2, 0);
      const x = compacted(now, blocksOf(now, neighbours, crossed), distance);
      return mirrored ? x.map((value) => -value) : x;
    });
  });
  const ends = all.map((x) => {
    const [low, high] = [
      Math.min(...x.map((value, i) => value - left[i]!)),
      Math.max(...x.map((value, i) => value + right[i]!)),
    ];
    return { low, high, width: high - low };
  });
  const narrowest = ends.reduce((best, one) => (one.width < best.width ? one : best));
  const shifted = all.map((x, i) => {
    const by = i % 2 === 0 ? narrowest.low - ends[i]!.low : narrowest.high - ends[i]!.high;
    return x.map((value) => value + by);
  });
  return left.map((_, vertex) => {
    const [, two, three] = shifted.map((x) => x[vertex]!).sort((a, b) => a - b);
    return (two! + three!) / 2;
  });
}

const key = (a: number, b: number): string => `${Math.min(a, b)} ${Math.max(a, b)}`;

/** The arcs that cross an inner part of a long arc: the long one stays straight. */
function crossedLongArcs({ layers, above, isBend }: Placed): Set<string> {
  const found = new Set<string>();
  layers.slice(1).forEach((layer, at) => {
    const upper = layers[at]!;
    const places = placesOf(upper);
    const innerOf = (vertex: number): number | undefined => {
      const [source] = above[vertex]!;
      return source !== undefined && isBend(vertex) && isBend(source) ? source : undefined;
    };
    let [from, low] = [0, 0];
    layer.forEach((vertex, i) => {
      const inner = innerOf(vertex);
      if (inner === undefined && i < layer.length - 1) return;
      const high = inner === undefined ? upper.length : places.get(inner)!;
      for (const one of layer.slice(from, i + 1))
        for (const source of above[one]!) {
          const place = places.get(source)!;
          if ((place < low || place > high) && innerOf(one) === undefined) found.add(key(source, one));
        }
      [from, low] = [i + 1, high];
    });
  });
  return found;
}

/** The block of each vertex, by its first vertex: vertices that stand above each other, each by the median of its neighbours. */
function blocksOf(layers: readonly number[][], neighbours: Layers["above"], crossed: ReadonlySet<string>): number[] {
  const first = Array.from(neighbours, (_, vertex) => vertex);
  layers.slice(1).forEach((layer, at) => {
    const places = placesOf(layers[at]!);
    let last = -1;
    for (const vertex of layer) {
      const own = neighbours[vertex]!.toSorted((a, b) => places.get(a)! - places.get(b)!);
      const middle = (own.length - 1) / 2;
      for (const other of own.slice(Math.floor(middle), Math.ceil(middle) + 1)) {
        const place = places.get(other)!;
        if (first[vertex] !== vertex || place <= last || crossed.has(key(other, vertex))) continue;
        first[vertex] = first[other]!;
        last = place;
      }
    }
  });
  return first;
}

/** Places the blocks as far left as they can be, then those with room at the right as far right as they can. */
function compacted(
  layers: readonly number[][],
  blocks: readonly number[],
  distance: (a: number, b: number) => number,
): number[] {
  const [before, behind] = [new Map<number, Map<number, number>>(), new Map<number, Map<number, number>>()];
  const add = (to: Map<number, Map<number, number>>, a: number, b: number, far: number): void => {
    const own = to.get(a) ?? new Map<number, number>();
    own.set(b, Math.max(far, own.get(b) ?? 0));
    to.set(a, own);
  };
  for (const layer of layers)
    for (let i = 1; i < layer.length; i++) {
      const [a, b] = [layer[i - 1]!, layer[i]!];
      const far = distance(a, b);
      add(before, blocks[b]!, blocks[a]!, far);
      add(behind, blocks[a]!, blocks[b]!, far);
    }
  const x = new Map<number, number>();
  const inOrder: number[] = [];
  const place = (block: number): number => {
    const known = x.get(block);
    if (known !== undefined) return known;
    let own = 0;
    for (const [other, far] of before.get(block) ?? []) own = Math.max(own, place(other) + far);
    x.set(block, own);
    inOrder.push(block);
    return own;
  };
  for (const block of blocks) place(block);
  for (const block of inOrder.toReversed()) {
    const most = Math.min(...Array.from(behind.get(block) ?? [], ([other, far]) => x.get(other)! - far));
    if (Number.isFinite(most)) x.set(block, Math.max(x.get(block)!, most));
  }
  return blocks.map((block) => x.get(block)!);
}
