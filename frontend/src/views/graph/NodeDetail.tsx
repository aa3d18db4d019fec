/** The detail of a graph node, below the graph. */

import type { ComponentChildren, JSX } from "preact";
import { integer, sizes } from "../../draw/format";
import { ancestors, type Tree, type TreeNode } from "../../layout/graphTree";
import { graph } from "../../state/data";
import { nodeChanges } from "../../state/nodeChanges";
import { movedRungs } from "../../state/rungs";
import { IconButton } from "../controls/Icon";
import { selectedNode } from "./graphState";

/** What is known of the node, and how to record it if it is not recorded. */
export function NodeDetail({ item, tree, closable }: { item: TreeNode; tree: Tree; closable: boolean }): JSX.Element {
  const { node } = item;
  const rows: [string, ComponentChildren][] = [
    item.kind === "group"
      ? ["holds", contents(item)]
      : ["type", item.kind === "fold" ? `${item.children.length} × ${item.type}` : item.type],
  ];
  const into = inputsOf(item, tree);
  if (into.length > 0) rows.push(["input", into.join(", ")]);
  if (node) {
    if (node.outputs.length > 0) rows.push(["output", node.outputs.map(({ sizes: own }) => sizes(own)).join(", ")]);
    rows.push(["parameters", integer(node.parameters)]);
    const attributes = attributeText(node.attributes);
    if (attributes) rows.push(["attributes", attributes]);
    if (node.kind === "module") rows.push(["call", node.calls > 0 ? `${node.call + 1} of ${node.calls}` : "never ran"]);
    if (node.branch) rows.push(["branch", "not in every forward pass"]);
  }
  const change = nodeChanges.value.get(item.key);
  for (const [name, both] of change?.detail ?? []) {
    const row = rows.find((each) => each[0] === name);
    if (row) row[1] = both;
    else rows.push([name, both]);
  }
  if (change && change.detail.length === 0) rows.push(["comparison", change.label]);
  const moved = movedRungs.value?.get(item.key);
  if (moved) rows.push(["movement", moved.label.replace("movement ", "")]);
  const recordable = node && !item.recorded && (node.kind === "module" || node.kind === "operator") && node.calls > 0;
  return (
    <section class="graph-detail" aria-label="Node">
      <div class="graph-detail-title">
        <h3>{node ? item.key || item.name : item.name}</h3>
        {closable && (
          <IconButton
            icon="close"
            label="Close the node's detail"
            size={14}
            onClick={() => (selectedNode.value = null)}
          />
        )}
      </div>
      <dl>
        {rows.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
      {recordable && (
        <p class="graph-hint">
          Not recorded. To record it: <code>layers=[…, "{item.key}"]</code>
        </p>
      )}
    </section>
  );
}

/** Types of what is in a group, in the order in which they run. */
function contents({ children }: TreeNode): string {
  const types = children.slice(0, 6).map(({ type, name }) => type || name);
  return types.join(", ") + (children.length > types.length ? ` and ${children.length - types.length} more` : "");
}

/** Distinct shapes of inputs from outside. */
function inputsOf(item: TreeNode, { byKey }: Tree): string[] {
  const shapes = new Set<string>();
  const inside = (key: string): boolean => {
    const other = byKey.get(key);
    return other !== undefined && (other === item || ancestors(other).includes(item));
  };
  for (const { source, target, sizes: own } of graph.value.value?.edges ?? [])
    if (inside(target) && !inside(source)) shapes.add(sizes(own));
  return [...shapes].slice(0, 4);
}

/** "kernel 3×3, bias": true attributes by name only, false ones omitted. */
export function attributeText(attributes: Record<string, string>): string {
  // Shown as input and output already.
  return Object.entries(attributes)
    .filter(([name]) => !/^(in|out)[_ ](features|channels)$/.test(name))
    .flatMap(([name, value]) =>
      /^(yes|true)$/i.test(value)
        ? [name]
        : /^(no|false|none)$/i.test(value)
          ? []
          : [`${name.replaceAll("_", " ")} ${value}`],
    )
    .sort()
    .join(", ");
}
