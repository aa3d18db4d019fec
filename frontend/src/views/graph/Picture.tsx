/** The drawing of the graph, as SVG with an ARIA tree. */

import type { JSX } from "preact";
import { sizes as shape } from "../../draw/format";
import { FONT } from "../../draw/text";
import { tokens } from "../../draw/theme";
import type { Box, Edge, EdgeLabel } from "../../layout/graphDrawing";
import type { TreeNode } from "../../layout/graphTree";
import { boxKey, type Shown, scale } from "./graphState";
import { NodeView } from "./NodeView";

/** Dashes of edges that are not part of every forward pass. */
export const DASHES = "2.5 2.5";

/** From this many nodes on, only the visible ones are rendered. */
const ALL = 500;

export interface Sight {
  left: number;
  top: number;
  bottom: number;
}

/** The drawing; its nodes are an ARIA tree. */
export function Picture({
  shown,
  sight,
  onKeyDown,
}: {
  shown: Shown;
  sight: Sight | null;
  onKeyDown: (event: KeyboardEvent) => void;
}): JSX.Element {
  const { drawing, tree } = shown;
  const { width, height, boxes, edges } = drawing;
  const seen = (top: number, bottom: number): boolean =>
    boxes.length <= ALL || !sight || (bottom >= sight.top && top <= sight.bottom);
  const visibleNodes: { box: Box; item: TreeNode }[] = [];
  for (const box of boxes) {
    const item = tree.byKey.get(box.key) ?? (box.key === tree.root.key ? tree.root : undefined);
    if (!item || !seen(box.y, box.y + box.height)) continue;
    // The title of a module that is wider than the pane stays visible.
    const aside = box.form === "open" && sight ? Math.max(0, Math.min(sight.left - box.x, box.width - 160)) : 0;
    visibleNodes.push({ box: aside ? { ...box, rail: box.rail + aside } : box, item });
  }
  const at = scale.value;
  return (
    <svg
      class="graph-picture"
      width={width * at}
      height={height * at}
      viewBox={`0 0 ${width} ${height}`}
      font-family={FONT}
    >
      <g role="tree" aria-label="Layers of the model" onKeyDown={onKeyDown}>
        {visibleNodes.map(({ box, item }) => (
          <NodeView
            key={boxKey(box)}
            box={box}
            item={item}
            place={box.form === "more" ? item.children.length - 1 : item.place}
            siblings={box.form === "more" ? item.children.length : (item.parent?.children.length ?? 1)}
          />
        ))}
      </g>
      <g aria-hidden="true" pointer-events="none">
        {edges.map((edge) =>
          inSight(edge, shown, seen) ? (
            <EdgeView
              key={`${edge.from} ${edge.to} ${edge.path}`}
              edge={edge}
              level={Math.max(...[edge.from, edge.to].map((key) => shown.boxes.get(key)?.level ?? 0))}
            />
          ) : null,
        )}
      </g>
    </svg>
  );
}

function inSight({ from, to }: Edge, { boxes }: Shown, seen: (top: number, bottom: number) => boolean): boolean {
  const [a, b] = [boxes.get(from), boxes.get(to)];
  if (!a || !b) return true;
  return seen(Math.min(a.y, b.y), Math.max(a.y + a.height, b.y + b.height));
}

function EdgeView({ edge: { path, tip, label, branch }, level }: { edge: Edge; level: number }): JSX.Element {
  const colours = tokens.value;
  return (
    <>
      <path
        d={path}
        fill="none"
        stroke={colours.outline}
        stroke-width={1.25}
        stroke-dasharray={branch ? DASHES : undefined}
      />
      {tip && (
        <path
          d="M-4.5-3.5L0 0L-4.5 3.5"
          transform={`translate(${tip.x} ${tip.y}) rotate(${tip.angle})`}
          fill="none"
          stroke={colours.outline}
          stroke-width={1.25}
        />
      )}
      {label && (
        <text
          x={label.x}
          y={label.y + 4}
          font-size={12}
          fill={colours.text3}
          stroke={level % 2 === 1 ? colours.fill : colours.background}
          stroke-width={3}
          paint-order="stroke"
        >
          {labelText(label)}
        </text>
      )}
    </>
  );
}

/** "32×4×4"; "2 × 32×4×4" for two tensors; "3 tensors" when their shapes differ. */
export function labelText({ count, sizes }: Pick<EdgeLabel, "count" | "sizes">): string {
  if (!sizes) return `${count} tensors`;
  return count > 1 ? `${count} × ${shape(sizes)}` : shape(sizes);
}
