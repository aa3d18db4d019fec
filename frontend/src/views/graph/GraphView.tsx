/** Pane A: the graph of the model. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { followDrag } from "../../lib/drag";
import { followSize } from "../../lib/sizes";
import { loadCode } from "../../state/code";
import { comparedSnapshot, run } from "../../state/currentSnapshot";
import { graph, snapshot } from "../../state/data";
import { detailLayer } from "../../state/derived";
import { hasHealth } from "../../state/panes";
import { isLadderAsked } from "../../state/rungs";
import { wantedLayer } from "../../state/view";
import { CutText } from "../controls/CutText";
import { IconButton } from "../controls/Icon";
import { Failure, Loading } from "../controls/Loading";
import { lazy } from "../controls/lazy";
import { ModelFaces } from "../controls/ModelFaces";
import { SaveButton } from "../controls/SaveButton";
import { Tooltip } from "../controls/Tooltip";
import { onTreeKey } from "./graphKeys";
import {
  focusedNode,
  followLayout,
  nodeElement,
  problem,
  reveal,
  type Shown,
  scale,
  scrollTarget,
  selectedNode,
  shown,
  tree,
  width,
} from "./graphState";
import { tooltip } from "./graphTip";
import { Legend } from "./Legend";
import { Minimap, type Seen } from "./Minimap";
import { NodeDetail } from "./NodeDetail";
import { Picture } from "./Picture";

const Ladder = lazy("What the bars mean", () => import("./Ladder"), "Ladder");
const SearchBar = lazy("The search", () => import("./SearchBar"), "SearchBar");
const Comparison = lazy("The comparison", () => import("./Comparison"), "Comparison");

/** Header (search, fit, save), the drawing, the selected node's detail, the legend. */
export function GraphView(): JSX.Element {
  const pane = useRef<HTMLDivElement>(null);
  const [searching, setSearching] = useState(false);
  const currentTree = tree.value;
  const fit = async (): Promise<void> => {
    const { toggleFit } = await loadCode(() => import("./fit"));
    if (pane.current) toggleFit(pane.current);
  };
  const save = async (type: "svg" | "png"): Promise<void> => {
    const svg = pane.current?.querySelector<SVGSVGElement>("svg.graph-picture");
    const { saveGraph } = await loadCode(() => import("./saveGraph"));
    const name = `model-${run.peek()?.name.replaceAll(/[^\w.-]+/g, "-") || "graph"}`;
    if (svg) await saveGraph(svg, name, type);
  };
  return (
    <>
      {searching ? (
        <header class="pane-header">
          <SearchBar onClose={() => setSearching(false)} />
        </header>
      ) : (
        <header class="pane-header">
          <h2>Model</h2>
          <ModelFaces />
          {!hasHealth.value && currentTree && snapshot.value.value && (
            <CutText class="caption">
              {currentTree.recorded} of {currentTree.layers} recorded
            </CutText>
          )}
          <span class="spring" />
          <span class="graph-tools">
            <IconButton icon="search" label="Search the graph" onClick={() => setSearching(true)} />
            <IconButton icon="fit" label="Fit the graph into the pane, or back to full size" onClick={fit} />
            <SaveButton
              label="Save the graph"
              failure="The graph could not be saved."
              options={() => [
                { value: () => save("svg"), label: "SVG" },
                { value: () => save("png"), label: "PNG" },
              ]}
            />
          </span>
        </header>
      )}
      <Loading load={graph.value} what="The graph">
        {() =>
          problem.value !== null ? (
            <Failure what="The graph could not be laid out." message={problem.value} />
          ) : (
            <Scene pane={pane} onFit={fit} />
          )
        }
      </Loading>
      {comparedSnapshot.value ? (
        <div class="graph-comparison">
          <Comparison />
        </div>
      ) : (
        isLadderAsked.value && <Ladder />
      )}
      <Legend />
      {tooltip.value && <Tooltip anchor={tooltip.value.box}>{tooltip.value.text}</Tooltip>}
    </>
  );
}

function Scene({ pane, onFit }: { pane: { current: HTMLDivElement | null }; onFit: () => Promise<void> }): JSX.Element {
  const outer = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [seen, setSeen] = useState<Seen | null>(null);
  const measure = (): void => {
    const element = pane.current;
    if (!element) return;
    const at = scale.peek();
    const next = {
      x: element.scrollLeft / at,
      y: element.scrollTop / at,
      width: element.clientWidth / at,
      height: element.clientHeight / at,
    };
    setSeen((now) =>
      now && (["x", "y", "width", "height"] as const).every((side) => now[side] === next[side]) ? now : next,
    );
  };
  useEffect(followLayout, []);
  useEffect(
    () =>
      followSize(outer.current, ({ clientWidth: width, clientHeight: height }) => {
        setRoom({ width, height });
        measure();
      }),
    [],
  );
  const now = shown.value;
  const at = scale.value;
  // The minimap is beside a tall drawing and below a wide one; a narrower layout is never lower.
  const wide = now !== null && now.drawing.width > room.width * 1.3;
  const tall = now !== null && now.drawing.height > room.height * 1.6;
  useEffect(() => {
    width.value = Math.max(0, room.width - (tall && !wide ? 32 : 0));
  }, [room.width, tall, wide]);
  const before = useRef<Shown | null>(null);
  // Before painting: keep what was opened or closed in place; at first, show the input.
  useLayoutEffect(() => {
    const [old, element] = [before.current, pane.current];
    before.current = now;
    if (!now || !element) return;
    const key = focusedNode.peek() ?? "";
    const [was, is, first] = [old?.boxes.get(key), now.boxes.get(key), now.drawing.boxes[0]];
    if (old?.tree !== now.tree)
      element.scrollLeft =
        first && first.x + 120 > element.clientWidth ? first.x + (first.width - element.clientWidth) / 2 : 0;
    else if (was && is && was.y * at >= element.scrollTop && was.y * at < element.scrollTop + element.clientHeight) {
      element.scrollLeft += (is.x - was.x) * at;
      element.scrollTop += (is.y - was.y) * at;
    }
  }, [now]);
  useEffect(measure, [now, at]);
  useEffect(() => {
    if (!now) return;
    const first = now.drawing.boxes[0];
    if (first && (focusedNode.peek() === null || !now.boxes.has(focusedNode.peek() ?? "")))
      focusedNode.value = first.key;
  }, [now]);
  useGoing(pane, now);
  useWanted();
  useZoom(pane);
  usePanning(pane);

  const zoom = (by: number | null): void => {
    if (by === null) void onFit();
    else scale.value = clampScale(scale.peek() * by);
  };
  // Rendered again only every 256 pixels of scrolling.
  const [left, top] = [seen?.x ?? 0, Math.floor((seen?.y ?? 0) / 256) * 256];
  const picture = useMemo(
    () =>
      now && (
        <Picture
          shown={now}
          sight={seen && { left, top: top - 300, bottom: top + seen.height + 556 }}
          onKeyDown={(event) => onTreeKey(event, now, zoom)}
        />
      ),
    [now, left, top, seen?.height],
  );
  const item = now?.tree.byKey.get(selectedNode.value ?? detailLayer.value ?? "");
  const isSelected = selectedNode.value !== null && item !== undefined;
  const spare = now ? room.height - now.drawing.height * at - (wide ? 90 : 0) : 0;
  const detailShown = item && ((isSelected && !item.recorded) || spare >= 170);
  return (
    <div class="graph-outer" ref={outer}>
      <div class={`graph-sight${wide ? " wide" : ""}`}>
        <div class="graph-pane" ref={pane} onScroll={measure}>
          {picture}
          {now?.drawing.boxes.length === 0 && <p class="hint">This run has no graph.</p>}
        </div>
        {seen && (tall || wide) && (
          <Minimap
            shown={now}
            seen={seen}
            room={wide ? { width: room.width - 24, height: 72 } : { width: 20, height: 172 }}
            onGo={(x, y) =>
              pane.current?.scrollTo(x * at - pane.current.clientWidth / 2, y * at - pane.current.clientHeight / 2)
            }
          />
        )}
      </div>
      {detailShown && now && <NodeDetail item={item} tree={now.tree} closable={isSelected} />}
    </div>
  );
}

const clampScale = (value: number): number => Math.max(0.05, Math.min(3, value));

/** Reveals the layer that another view wants to be seen. */
function useWanted(): void {
  const [name, all] = [wantedLayer.value, tree.value];
  useEffect(() => {
    const item = name === null ? undefined : all?.byKey.get(name);
    if (!item) return;
    wantedLayer.value = null;
    reveal(item);
  }, [name, all]);
}

/** Scrolls to the target node once it is drawn. */
function useGoing(pane: { current: HTMLDivElement | null }, now: Shown | null): void {
  const want = scrollTarget.value;
  useEffect(() => {
    const box = want && now?.boxes.get(want.key);
    const element = pane.current;
    if (!want || !box || !element) return;
    // If the drawing is too small to read, return to full size.
    if (!want.focus && scale.peek() < 0.7) scale.value = 1;
    const at = scale.peek();
    const height = box.form === "open" ? 22 : box.height;
    const [top, bottom] = [box.y * at, (box.y + height) * at];
    const margin = want.focus ? 8 : Math.min(80, element.clientHeight / 3);
    if (top < element.scrollTop + margin) element.scrollTop = top - margin;
    else if (bottom > element.scrollTop + element.clientHeight - margin)
      element.scrollTop = bottom + margin - element.clientHeight;
    const left = box.x * at;
    if (left < element.scrollLeft || left + 60 > element.scrollLeft + element.clientWidth)
      element.scrollLeft = left - 24;
    if (!want.focus) scrollTarget.value = null;
    else {
      // It may have come into the document only now.
      requestAnimationFrame(() => {
        nodeElement(want.key)?.focus({ preventScroll: true });
        if (scrollTarget.peek() === want) scrollTarget.value = null;
      });
    }
  }, [want, now]);
}

/** Ctrl and the wheel, or pinching, zoom about the pointer; the wheel alone scrolls. */
function useZoom(pane: { current: HTMLDivElement | null }): void {
  useEffect(() => {
    const element = pane.current;
    if (!element) return undefined;
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      const before = scale.peek();
      const after = clampScale(before * Math.exp(-event.deltaY * 0.004));
      const [x, y] = [(element.scrollLeft + px) / before, (element.scrollTop + py) / before];
      scale.value = after;
      requestAnimationFrame(() => element.scrollTo(x * after - px, y * after - py));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);
}

/** Dragging the background scrolls the drawing. */
function usePanning(pane: { current: HTMLDivElement | null }): void {
  useEffect(() => {
    const element = pane.current;
    if (!element) return undefined;
    const down = (event: PointerEvent): void => {
      const ground = event.target === element || (event.target as Element).classList.contains("graph-picture");
      if (event.button !== 0 || !ground || event.pointerType === "touch") return;
      const [x, y] = [element.scrollLeft + event.clientX, element.scrollTop + event.clientY];
      element.setPointerCapture(event.pointerId);
      followDrag(element, ({ clientX, clientY }) => element.scrollTo(x - clientX, y - clientY));
    };
    element.addEventListener("pointerdown", down);
    return () => element.removeEventListener("pointerdown", down);
  }, []);
}
