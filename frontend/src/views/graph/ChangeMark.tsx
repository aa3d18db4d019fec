/** The mark of a node that differs from that of the compared run. */

import type { JSX } from "preact";
import { widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import type { NodeChange } from "../../layout/graphChanges";
import type { TreeNode } from "../../layout/graphTree";
import { isOpenGroup } from "./graphState";

/** From the end of a name with a mark to the words behind it. */
export const MARK = 17;

/** What differs at a node as it is drawn: what is inside of an open module is marked itself. */
export function changeOf(item: TreeNode, known: ReadonlyMap<string, NodeChange>): NodeChange | undefined {
  if (known.size === 0) return undefined;
  const change = item.node ? known.get(item.key) : holds(item, known) ? INSIDE : undefined;
  return change?.own || !isOpenGroup(item) ? change : undefined;
}

/** Whether nodes differ in a fold or group, which the graph itself does not have. */
const holds = (item: TreeNode, known: ReadonlyMap<string, NodeChange>): boolean =>
  item.children.some((child) => (child.node ? known.has(child.key) : holds(child, known)));

const INSIDE: NodeChange = { own: false, said: "", label: "differs inside", detail: [] };

/** What differs, where there is room for all of it: a part of a number would be another number. */
export function saidIn({ said }: NodeChange, room: number): string {
  return [said, said.replaceAll(" → ", "→")].find((text) => widthOf(text, 12) <= room) ?? "";
}

/** A diamond; hollow if only nodes inside differ. `x` is the end of the name. */
export function ChangeMark({ change, x, y }: { change: NodeChange; x: number; y: number }): JSX.Element {
  const { text2 } = tokens.value;
  return (
    <path
      class="graph-change"
      d={`M${x + 5} ${y}l4-4l4 4l-4 4z`}
      fill={change.own ? text2 : "none"}
      stroke={text2}
      stroke-width={1.25}
    />
  );
}
