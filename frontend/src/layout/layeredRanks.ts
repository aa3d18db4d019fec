/** Ranks of a layered layout: which layer each vertex is in. */

export interface Arc {
  from: number;
  to: number;
}

/** Exchanges of the simplex method, per vertex. A good answer needs few; this ends a cycle of exchanges. */
const MOST_EXCHANGES = 4;
/** With more vertices the ranks of the longest paths are good enough. */
const MANY = 160;

/** For each arc, whether it has to be turned around so that there are no cycles. */
export function turnedArcs(count: number, arcs: readonly Arc[]): boolean[] {
  const [onPath, done] = [new Set<number>(), new Set<number>()];
  const leaving = Array.from({ length: count }, (): number[] => []);
  arcs.forEach(({ from }, i) => void leaving[from]!.push(i));
  const turned = arcs.map(() => false);
  const visit = (vertex: number): void => {
    if (done.has(vertex)) return;
    done.add(vertex);
    onPath.add(vertex);
    for (const i of leaving[vertex]!) {
      const { to } = arcs[i]!;
      if (onPath.has(to)) turned[i] = true;
      else visit(to);
    }
    onPath.delete(vertex);
  };
  for (let vertex = 0; vertex < count; vertex++) visit(vertex);
  return turned;
}

/**
 * Ranks such that each arc leads at least one rank down and all arcs together are as short as possible (network
 * simplex, Gansner et al. 1993). There must be no cycles.
 */
export function ranksOf(count: number, arcs: readonly Arc[]): number[] {
  const ranks = longestPaths(count, arcs);
  const slack = ({ from, to }: Arc): number => ranks[to]! - ranks[from]! - 1;
  const move = (vertices: Iterable<number>, by: number): void => {
    for (const vertex of vertices) ranks[vertex]! += by;
  };
  /** The arc of least slack among those for which `is` holds. */
  const tightest = (is: (arc: Arc) => boolean): number =>
    arcs.reduce((best, arc, i) => (is(arc) && (best < 0 || slack(arc) < slack(arcs[best]!)) ? i : best), -1);

  // A spanning tree of arcs without slack for each connected component.
  const tree: number[] = [];
  const components: Set<number>[] = [];
  for (let start = 0; start < count; start++) {
    if (components.some((component) => component.has(start))) continue;
    const component = new Set([start]);
    components.push(component);
    for (;;) {
      const next = tightest(({ from, to }) => component.has(from) !== component.has(to));
      if (next < 0) break;
      const arc = arcs[next]!;
      move(component, component.has(arc.to) ? -slack(arc) : slack(arc));
      component.add(arc.from).add(arc.to);
      tree.push(next);
    }
  }

  // Moving all that hangs below an arc of the tree down shortens the arcs that leave that part.
  let at = 0;
  let unchanged = count > MANY ? tree.length : 0;
  for (let left = MOST_EXCHANGES * count; left > 0 && unchanged < tree.length; at++) {
    const place = at % tree.length;
    const below = sideOf(arcs[tree[place]!]!.to, tree.toSpliced(place, 1), arcs);
    const gain = arcs.reduce((sum, { from, to }) => sum + Number(below.has(from)) - Number(below.has(to)), 0);
    if (gain <= 0) {
      unchanged++;
      continue;
    }
    const next = tightest(({ from, to }) => below.has(from) && !below.has(to));
    move(below, slack(arcs[next]!));
    tree[place] = next;
    unchanged = 0;
    left--;
  }
  for (const component of components) move(component, -Math.min(...Array.from(component, (vertex) => ranks[vertex]!)));
  return ranks;
}

function longestPaths(count: number, arcs: readonly Arc[]): number[] {
  const ranks: number[] = Array.from({ length: count }, () => -1);
  const arriving = Array.from({ length: count }, (): number[] => []);
  for (const { from, to } of arcs) arriving[to]!.push(from);
  const rank = (vertex: number): number => {
    if (ranks[vertex]! < 0) ranks[vertex] = arriving[vertex]!.reduce((most, from) => Math.max(most, rank(from) + 1), 0);
    return ranks[vertex]!;
  };
  for (let vertex = 0; vertex < count; vertex++) rank(vertex);
  return ranks;
}

/** The vertices that the tree's arcs connect with one of them. */
function sideOf(vertex: number, tree: readonly number[], arcs: readonly Arc[]): Set<number> {
  const side = new Set([vertex]);
  for (let size = 0; size < side.size; ) {
    size = side.size;
    for (const i of tree) {
      const { from, to } = arcs[i]!;
      if (side.has(from) || side.has(to)) side.add(from).add(to);
    }
  }
  return side;
}
