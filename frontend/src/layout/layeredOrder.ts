/** The order of the vertices in each layer of a layered layout. */

/** Vertices by layer, from top to bottom and from left to right, and their neighbours in the layers above and below. */
export interface Layers {
  layers: number[][];
  above: readonly (readonly number[])[];
  below: readonly (readonly number[])[];
}

/** Sweeps after the last one that helped. */
const PATIENCE = 4;
/**
 * How many orders the sweeps start from, for they end in the nearest order that no sweep improves; and how often single
 * vertices are moved after each.
 */
const THOROUGH = { starts: 6, rounds: 4 };
/** With more vertices than this. */
const MANY = 300;
const QUICK = { starts: 1, rounds: 1 };

/**
 * Orders the layers so that few arcs cross: sweeps by the mean place of the neighbours (Sugiyama et al. 1981), then
 * moves of single vertices. Of equally good orders, it has vertices of low numbers on the left.
 */
export function orderLayers({ layers: first, above, below }: Layers): number[][] {
  let best = first.map((layer) => [...layer]);
  let fewest = crossings(best, below);
  const { starts, rounds } = above.length > MANY ? QUICK : THOROUGH;
  for (let start = 0; fewest > 0 && start < starts; start++) {
    const layers = first.map((layer, at) => layer.map((_, i) => layer[(i + start * at) % layer.length]!));
    for (let sweep = 0, last = 0, least = Infinity; fewest > 0 && sweep - last < PATIENCE; sweep++) {
      const downwards = sweep % 2 === 0;
      for (let i = 1; i < layers.length; i++) {
        const at = downwards ? i : layers.length - 1 - i;
        layers[at] = sorted(layers[at]!, layers[at + (downwards ? -1 : 1)]!, downwards ? above : below, sweep % 4 > 1);
      }
      const moved = layers.map((layer) => [...layer]);
      sift(moved, above, below, rounds);
      const now = crossings(moved, below);
      if (now < least) [least, last] = [now, sweep];
      if (now < fewest) [best, fewest] = [moved, now];
    }
  }
  const leftFirst = best.flatMap((layer) => layer.slice(1).map((vertex, i) => Math.sign(vertex - layer[i]!)));
  return leftFirst.reduce((sum, sign) => sum + sign, 0) < 0 ? best.map((layer) => layer.toReversed()) : best;
}

export function placesOf(layer: readonly number[]): Map<number, number> {
  return new Map(layer.map((vertex, place) => [vertex, place]));
}

/** By the mean place of the neighbours in the other layer. Vertices without neighbours keep their places. */
function sorted(
  layer: readonly number[],
  other: readonly number[],
  neighbours: Layers["above"],
  fromRight: boolean,
): number[] {
  const places = placesOf(other);
  const means = new Map<number, number>();
  for (const vertex of layer) {
    const own = neighbours[vertex]!;
    if (own.length > 0) means.set(vertex, own.reduce((sum, one) => sum + places.get(one)!, 0) / own.length);
  }
  const free = layer.filter((vertex) => means.has(vertex));
  if (fromRight) free.reverse();
  free.sort((a, b) => means.get(a)! - means.get(b)!);
  let next = 0;
  return layer.map((vertex) => (means.has(vertex) ? free[next++]! : vertex));
}

/** Moves each vertex to the place of its layer where it crosses least, while that helps (sifting). */
function sift(layers: number[][], above: Layers["above"], below: Layers["below"], rounds: number): void {
  for (let round = 0, helped = true; helped && round < rounds; round++) {
    helped = false;
    layers.forEach((layer, at) => {
      const others = (
        [
          [layers[at - 1], above],
          [layers[at + 1], below],
        ] as const
      ).flatMap(([other, neighbours]) => (other ? [{ places: placesOf(other), neighbours }] : []));
      /** How many crossings less if `a` is on the left of `b`. */
      const gain = (a: number, b: number): number => {
        let sum = 0;
        for (const { places, neighbours } of others)
          for (const one of neighbours[a]!)
            for (const two of neighbours[b]!) sum += Math.sign(places.get(two)! - places.get(one)!);
        return sum;
      };
      for (const vertex of [...layer]) {
        const own = layer.indexOf(vertex);
        let [best, most] = [own, 0];
        for (let i = own - 1, sum = 0; i >= 0; i--) {
          sum += gain(vertex, layer[i]!);
          if (sum > most) [best, most] = [i, sum];
        }
        for (let i = own + 1, sum = 0; i < layer.length; i++) {
          sum += gain(layer[i]!, vertex);
          if (sum > most) [best, most] = [i, sum];
        }
        if (best === own) continue;
        layer.splice(own, 1);
        layer.splice(best, 0, vertex);
        helped = true;
      }
    });
  }
}

/** How many pairs of arcs cross. */
export function crossings(layers: readonly (readonly number[])[], below: Layers["below"]): number {
  let sum = 0;
  layers.slice(1).forEach((layer, at) => {
    const places = placesOf(layer);
    // Ends in order of their starts; each crosses those before it that end further right.
    const ends = layers[at]!.flatMap((vertex) => below[vertex]!.map((one) => places.get(one)!).sort((a, b) => a - b));
    const tree = new Int32Array(layer.length + 1);
    ends.forEach((end, before) => {
      let notRight = 0;
      for (let i = end + 1; i > 0; i -= i & -i) notRight += tree[i]!;
      sum += before - notRight;
      for (let i = end + 1; i <= layer.length; i += i & -i) tree[i]!++;
    });
  });
  return sum;
}
