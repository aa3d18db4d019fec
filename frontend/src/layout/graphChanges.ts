/** What differs between the graphs of two runs. */

import type { Graph, GraphNode } from "../api/types";

/** How a node differs from that of the same key in the other graph. */
export interface NodeChange {
  /** False for a module in which other nodes differ, and it does not. */
  own: boolean;
  /** At the node, as short as "64 → 128"; empty if only nodes inside differ. */
  said: string;
  /** In words, for the node's accessible name and its tooltip. */
  label: string;
  /** What differs, each with both values. */
  detail: readonly (readonly [name: string, both: string])[];
}

/** A node that only one graph has, with all that is inside. */
export interface LoneNode {
  node: GraphNode;
  /** Nodes inside. */
  inside: number;
}

export interface GraphChanges {
  /** By the key of the node; modules have an entry if something inside differs. */
  byKey: ReadonlyMap<string, NodeChange>;
  /** Keys of the nodes that both have, and that differ. */
  changed: readonly string[];
  onlyHere: readonly LoneNode[];
  onlyThere: readonly LoneNode[];
}

/** Compares node by node: nodes of the same key are the same. The model itself is not compared. */
export function graphChanges(here: Graph, there: Graph): GraphChanges {
  const [own, other] = [here, there].map(({ nodes }) => new Map(nodes.map((node) => [node.key, node]))) as [
    Map<string, GraphNode>,
    Map<string, GraphNode>,
  ];
  const byKey = new Map<string, NodeChange>();
  const changed: string[] = [];
  // What is inside comes after its module.
  for (const node of here.nodes.toReversed()) {
    if (node.parent === null) continue;
    const match = other.get(node.key);
    if (match) {
      const change = nodeChange(node, match, byKey.has(node.key));
      if (change) {
        byKey.set(node.key, change);
        changed.push(node.key);
      }
    } else byKey.set(node.key, ONLY_HERE);
    if (byKey.has(node.key) && !byKey.has(node.parent)) byKey.set(node.parent, INSIDE);
  }
  // A module to which the other graph adds nodes differs inside.
  for (const { key, parent } of there.nodes)
    for (let up = own.has(key) ? null : parent; up; up = own.get(up)?.parent ?? null)
      if (own.has(up) && !byKey.has(up)) byKey.set(up, INSIDE);
  return { byKey, changed: changed.reverse(), onlyHere: lone(here, other), onlyThere: lone(there, own) };
}

const ONLY_HERE: NodeChange = { own: true, said: "only here", label: "only in this run", detail: [] };
const INSIDE: NodeChange = { own: false, said: "", label: "differs inside", detail: [] };

/** The outermost nodes that the other graph has not. */
function lone({ nodes }: Graph, other: ReadonlyMap<string, GraphNode>): LoneNode[] {
  const found: LoneNode[] = [];
  const heads = new Map<string, LoneNode>();
  for (const node of nodes) {
    if (node.parent === null || other.has(node.key)) continue;
    const head = heads.get(node.parent);
    const mine = head ?? { node, inside: 0 };
    if (head) head.inside++;
    else found.push(mine);
    heads.set(node.key, mine);
  }
  return found;
}

/** `inside`: whether nodes inside differ, which the parameters of a module then do as well. */
function nodeChange(here: GraphNode, there: GraphNode, inside: boolean): NodeChange | null {
  const detail: [string, string][] = [];
  const shape = shapeChange(here, there);
  if (shape) detail.push(["output", shape.whole]);
  if (here.type !== there.type) detail.push(["type", `${here.type} → ${there.type}`]);
  const parameters = `${grouped(here.parameters)} → ${grouped(there.parameters)}`;
  if (here.parameters !== there.parameters && !inside) detail.push(["parameters", parameters]);
  for (const name of new Set([...Object.keys(here.attributes), ...Object.keys(there.attributes)])) {
    const [one, two] = [here.attributes[name] ?? "none", there.attributes[name] ?? "none"];
    // Shapes say it already.
    if (one !== two && !/^(in|out)[_ ](features|channels)$/.test(name))
      detail.push([name.replaceAll("_", " "), `${one} → ${two}`]);
  }
  const [first] = detail;
  if (!first) return null;
  const said = shape?.short ?? (first[0] === "type" ? first[1] : `${first[0]} ${first[1]}`);
  return { own: true, said, label: detail.map((pair) => pair.join(" ")).join(", "), detail };
}

const grouped = new Intl.NumberFormat("en-US").format;

/** The sizes of all outputs, without the batch axis; of one axis alone where nothing else differs. */
function shapeChange(here: GraphNode, there: GraphNode): { short: string; whole: string } | null {
  const [one, two] = [here, there].map(({ outputs }) =>
    outputs.map(({ sizes }) => sizes.slice(Number(sizes[0] === -1)).map((size) => (size < 0 ? "?" : String(size)))),
  ) as [string[][], string[][]];
  const texts = [one, two].map((all) => all.map((sizes) => sizes.join("×") || "scalar").join(", "));
  if (texts[0] === texts[1]) return null;
  const whole = texts.join(" → ");
  const [a = [], b = []] = [one[0], two[0]];
  const axes = a.flatMap((size, axis) => (size === b[axis] ? [] : [axis]));
  const single = one.length === 1 && two.length === 1 && a.length === b.length && axes.length === 1;
  const axis = axes[0] ?? 0;
  return { whole, short: single ? `${a[axis]} → ${b[axis]}` : whole };
}
