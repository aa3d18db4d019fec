/** The Classes tab: a block of marks per class or bin. */

import { computed, effect, signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Canvas, type Surface } from "../../draw/Canvas";
import { integer } from "../../draw/format";
import { drawMarkRing, drawMarks, isLit } from "../../draw/marks";
import { widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import { type Hit, hitAt, layOut, placeOf, visible } from "../../layout/classes";
import { followSize } from "../../lib/sizes";
import { clickInstance, pick, select } from "../../state/actions";
import { hoveredRow, pinned, shortOf } from "../../state/derived";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { highlighted } from "../../state/members";
import { wide } from "../../state/panes";
import { InstanceLine } from "../controls/InstanceLine";
import { Tooltip } from "../controls/Tooltip";
import { Away, type Blocked, Heads, keyOf, Label } from "./ClassLabels";
import { grouping, groupOrder } from "./grouping";

/** Right predictions on the left, wrong ones on the right, a mark each in the colour of the predicted class. */
export function Classes(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const height = useSignal(0);
  const top = useSignal(0);
  const pointed = useSignal<Hit | null>(null);
  const state = useMemo(() => {
    const shown = signal<Blocked | null>(null);
    const laid = computed(() => {
      const now = shown.value;
      if (!now || width.value === 0) return null;
      const names = Math.min(
        104,
        Math.max(20, ...now.names.slice(0, 2000).map((name) => widthOf(shortOf(name), 12, 500))),
      );
      const label = Math.max(44, now.task === "classification" ? names + 13 + 8 : names + 8);
      return layOut(
        now.groups,
        width.value,
        wide.value ? 9 : 7,
        label,
        now.task === "classification" && now.judged,
        groupOrder.value,
      );
    });
    return { shown, laid };
  }, []);
  useLayoutEffect(
    () =>
      effect(() => {
        const now = grouping.value;
        if (now && now.task !== "none") state.shown.value = now;
      }),
    [],
  );
  useLayoutEffect(
    () =>
      followSize(scroller.current, ({ clientWidth, clientHeight }) => {
        width.value = clientWidth;
        height.value = clientHeight;
      }),
    [],
  );

  const marks = useMemo(() => {
    const ground = document.createElement("canvas").getContext("2d");
    let known: readonly unknown[] = [];
    return (surface: Surface) => {
      const [now, laid] = [state.shown.value, state.laid.value];
      if (!now || !laid) return undefined;
      const { context, width, height } = surface;
      const blocks = visible(laid, top.value, top.value + height);
      const own = blocks.find(
        (block) => keyOf(now, block.group) !== null && keyOf(now, block.group) === hoveredRow.value,
      );
      const [marked, colour] = [highlighted.value, tokens.value.accentWash];
      context.translate(0, -top.value);
      const wash = (): void => {
        if (!own) return;
        context.fillStyle = colour;
        context.beginPath();
        context.roundRect(4, own.top, width - 8, own.height - 1, 4);
        context.fill();
      };
      return () => {
        context.clearRect(0, top.peek(), width, height);
        if (!marked || !ground) {
          wash();
          return drawMarks(context, laid, blocks, now.style, marked);
        }
        // Whatever is hovered, most marks are dimmed: cache one picture with all of them dimmed until the next layout.
        const { canvas } = context;
        const inputs = [now, laid, colour, top.peek(), canvas.width, canvas.height];
        if (inputs.some((part, i) => part !== known[i])) {
          known = inputs;
          [ground.canvas.width, ground.canvas.height] = [canvas.width, canvas.height];
          ground.setTransform(context.getTransform());
          drawMarks(ground, laid, blocks, now.style, new Uint8Array());
        }
        context.drawImage(ground.canvas, 0, top.peek(), width, height);
        for (const block of blocks) {
          if (block !== own && !isLit(block, marked)) continue;
          context.clearRect(0, block.top, width, block.height);
          if (block === own) wash();
          drawMarks(context, laid, [block], now.style, marked);
        }
      };
    };
  }, []);
  const rings = useCallback((surface: Surface) => {
    const laid = state.laid.value;
    if (!laid) return;
    const { context } = surface;
    context.translate(0, -top.value);
    const { accent, background, text } = tokens.value;
    for (const index of pinned.value) {
      const place = placeOf(laid, index);
      if (place) drawMarkRing(context, place.x, place.y, laid.mark, { ring: accent, ground: background });
    }
    const instance = hoveredInstance.value;
    const place = instance === undefined || pinned.value.includes(instance) ? null : placeOf(laid, instance);
    if (place) drawMarkRing(context, place.x, place.y, laid.mark, { ring: text, ground: background }, true);
  }, []);

  const hitOf = (event: PointerEvent): Hit | null => {
    const [box, laid] = [scroller.current?.getBoundingClientRect(), state.laid.peek()];
    return box && laid ? hitAt(laid, event.clientX - box.left, event.clientY - box.top + top.peek()) : null;
  };
  const onPointerMove = (event: PointerEvent): void => {
    const [hit, now] = [hitOf(event), state.shown.peek()];
    pointed.value = hit;
    const key = hit && now && keyOf(now, hit.block.group);
    if (hit?.indices.length === 1) setHover({ instance: hit.indices[0] });
    else if (key !== null) setHover({ row: key });
    else clearHover();
  };
  const onClick = (event: MouseEvent): void => {
    if ((event.target as Element).closest("button")) return;
    const [hit, now] = [hitOf(event as PointerEvent), state.shown.peek()];
    if (!hit || !now) return;
    if (hit.indices.length === 1) clickInstance(hit.indices[0] as number);
    else if (hit.indices.length > 1) pick({ name: now.names[hit.block.group] ?? "mark", indices: hit.indices });
    else {
      const key = keyOf(now, hit.block.group);
      if (key) select({ kind: "subset", key });
    }
  };

  const now = state.shown.value;
  const laid = state.laid.value;
  const seen = laid ? visible(laid, top.value, top.value + height.value) : [];
  return (
    <>
      <Heads
        now={now}
        label={laid?.rightX ?? 56}
        wrong={laid && laid.wrongColumns > 0 ? [laid.wrongX, laid.wrongX + laid.wrongColumns * laid.pitch + 4] : null}
        per={laid?.per ?? 1}
      />
      <div class="classes" style={laid ? { "--classes": `${laid.height}px` } : {}}>
        <Canvas draw={marks} keepUntilDrawn aria-hidden />
        <Canvas draw={rings} aria-hidden />
        <div
          ref={scroller}
          class="classes-scroll"
          onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
          onPointerMove={onPointerMove}
          onPointerLeave={() => {
            pointed.value = null;
            clearHover();
          }}
          onClick={onClick}
        >
          <div style={{ height: `${laid?.height ?? 0}px` }}>
            {now &&
              laid &&
              seen.map((block) => <Label key={block.group} now={now} block={block} width={laid.rightX - 12} />)}
          </div>
        </div>
        {now && laid && <Away now={now} blocks={laid.blocks} top={top.value} height={height.value} />}
        {laid && (
          <Explained
            hit={pointed.value}
            box={scroller}
            top={top.value}
            place={(index) => placeOf(laid, index)}
            mark={laid.mark}
          />
        )}
      </div>
    </>
  );
}

function Explained({
  hit,
  box,
  top,
  place,
  mark,
}: {
  hit: Hit | null;
  box: { current: HTMLDivElement | null };
  top: number;
  place: (index: number) => { x: number; y: number } | null;
  mark: number;
}): JSX.Element | null {
  const first = hit?.indices[0];
  const at = box.current?.getBoundingClientRect();
  const spot = first === undefined ? null : place(first);
  if (!hit || first === undefined || !at || !spot) return null;
  const anchor = { left: at.left + spot.x, top: at.top + spot.y - top, width: mark, height: mark };
  return (
    <Tooltip anchor={anchor}>
      {hit.indices.length === 1 ? (
        <InstanceLine index={first} />
      ) : (
        <span>
          <b>{integer(hit.indices.length)}</b> instances: click to pick them
        </span>
      )}
    </Tooltip>
  );
}
