import { computed, effect, signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Canvas, type Surface } from "../../draw/Canvas";
import { mapGradient } from "../../draw/colormap";
import { integer, percent, short, tick } from "../../draw/format";
import { drawMarkRing, drawMarks, isLit } from "../../draw/marks";
import { widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import { type Block, type Hit, hitAt, layOut, PAD, placeOf, visible } from "../../layout/classes";
import { wide } from "../../layout/panes";
import { clickInstance, pick, select } from "../../state/actions";
import { hoveredRow, pinned, subsetsByName } from "../../state/chosen";
import { snapshot } from "../../state/data";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { lit } from "../../state/members";
import { subsetKey } from "../../state/rows";
import { Icon } from "../controls/Icon";
import { Swatch } from "../controls/Swatch";
import { Tooltip } from "../controls/Tooltip";
import { InstanceLine } from "./InstanceLine";
import { type Grouped, grouped } from "./look";

type Blocked = Exclude<Grouped, { task: "none" }>;

/**
 * A block per class (or bin of the target): right on the left, wrong on the right, a mark each, coloured by what was
 * predicted.
 */
export function Classes(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const height = useSignal(0);
  const top = useSignal(0);
  const pages = useSignal<ReadonlyMap<number, number>>(new Map());
  const pointed = useSignal<Hit | null>(null);
  const state = useMemo(() => {
    const shown = signal<Blocked | null>(null);
    const laid = computed(() => {
      const now = shown.value;
      if (!now || width.value === 0) return null;
      const names = Math.min(84, Math.max(20, ...now.names.slice(0, 2000).map((name) => widthOf(name, 12, 500))));
      const label = Math.max(44, now.task === "classification" ? names + 13 + 8 : names + 8);
      return layOut(
        now.groups,
        width.value,
        wide.value ? 9 : 7,
        label,
        now.task === "classification" && now.judged,
        pages.value,
      );
    });
    return { shown, laid };
  }, []);
  useLayoutEffect(
    () =>
      effect(() => {
        const now = grouped.value;
        if (now && now.task !== "none") state.shown.value = now;
      }),
    [],
  );
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(() => {
      width.value = box.clientWidth;
      height.value = box.clientHeight;
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

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
      const [marked, colour] = [lit.value, tokens.value.accentWash];
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
          return drawMarks(context, laid, blocks, now.look, marked);
        }
        // Whatever is pointed at, most are dimmed: one picture of all of them dimmed serves until the next layout.
        const { canvas } = context;
        const wanted = [now, laid, colour, top.peek(), canvas.width, canvas.height];
        if (wanted.some((part, i) => part !== known[i])) {
          known = wanted;
          [ground.canvas.width, ground.canvas.height] = [canvas.width, canvas.height];
          ground.setTransform(context.getTransform());
          drawMarks(ground, laid, blocks, now.look, new Uint8Array());
        }
        context.drawImage(ground.canvas, 0, top.peek(), width, height);
        for (const block of blocks) {
          if (block !== own && !isLit(block, marked)) continue;
          context.clearRect(0, block.top, width, block.height);
          if (block === own) wash();
          drawMarks(context, laid, [block], now.look, marked);
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
    for (const row of pinned.value) {
      const place = placeOf(laid, row);
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
    if (hit?.rows.length === 1) setHover({ instance: hit.rows[0] });
    else if (key !== null) setHover({ row: key });
    else clearHover();
  };
  const onClick = (event: MouseEvent): void => {
    if ((event.target as Element).closest("button")) return;
    const [hit, now] = [hitOf(event as PointerEvent), state.shown.peek()];
    if (!hit || !now) return;
    if (hit.rows.length === 1) clickInstance(hit.rows[0] as number);
    else if (hit.rows.length > 1) pick({ name: now.names[hit.block.group] ?? "mark", rows: hit.rows });
    else if (keyOf(now, hit.block.group)) select({ kind: "subset", key: keyOf(now, hit.block.group) as string });
  };

  const now = state.shown.value;
  const laid = state.laid.value;
  const seen = laid ? visible(laid, top.value, top.value + height.value) : [];
  const per = laid?.blocks.find(({ right }) => right.per > 1)?.right.per;
  return (
    <>
      <Heads
        now={now}
        label={laid?.rightX ?? 56}
        wrong={laid && laid.wrongColumns > 0 ? laid.wrongX : null}
        narrow={
          !!laid &&
          now?.task === "classification" &&
          laid.wrongColumns * laid.pitch + 4 < widthOf(`Wrong ${integer(now.wrong)}`, 11, 500)
        }
        per={per}
      />
      <div class="classes" style={laid ? { "--classes": `${laid.height}px` } : {}}>
        <Canvas draw={marks} late aria-hidden />
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
              seen.map((block) => (
                <Label
                  key={block.group}
                  now={now}
                  block={block}
                  width={laid.rightX - 12}
                  onPage={(page) => (pages.value = new Map(pages.peek()).set(block.group, page))}
                />
              ))}
          </div>
        </div>
        {now && laid && <Away now={now} blocks={laid.blocks} top={top.value} height={height.value} />}
        {laid && (
          <Explained
            hit={pointed.value}
            box={scroller}
            top={top.value}
            place={(row) => placeOf(laid, row)}
            mark={laid.mark}
          />
        )}
      </div>
    </>
  );
}

/** A class that is hovered elsewhere while its block is scrolled out of sight: where it is, and its numbers. */
function Away({
  now,
  blocks,
  top,
  height,
}: {
  now: Blocked;
  blocks: readonly Block[];
  top: number;
  height: number;
}): JSX.Element | null {
  const key = hoveredRow.value;
  const block = key === null || height === 0 ? undefined : blocks.find(({ group }) => keyOf(now, group) === key);
  const side =
    block && (block.top + PAD + 16 > top + height ? "below" : block.top + block.height - PAD < top ? "above" : null);
  if (!block || !side) return null;
  const [good, bad] = [block.right.rows.length, block.wrong.rows.length];
  return (
    <div class={`classes-away ${side}`}>
      <Icon name={side === "above" ? "expandLess" : "expandMore"} size={14} />
      <Swatch index={block.group} />
      <b class="cut">{now.names[block.group]}</b>
      <span class="spring" />
      <span class="caption">
        {now.task === "classification" && now.judged ? `${integer(good)} right, ${integer(bad)} wrong` : integer(good)}
      </span>
    </div>
  );
}

/** The row that a block is: its class's subset. */
function keyOf(now: Blocked, group: number): string | null {
  const name = now.names[group];
  return now.task === "classification" && name !== undefined && subsetsByName.value.get(name)?.kind === "class"
    ? subsetKey(name)
    : null;
}

function Heads({
  now,
  label,
  wrong,
  narrow,
  per,
}: {
  now: Blocked | null;
  label: number;
  wrong: number | null;
  narrow: boolean;
  per: number | undefined;
}): JSX.Element {
  if (!now) return <div class="classes-heads" />;
  const note = per !== undefined && (
    <span class="third" title={`In full blocks a mark stands for up to ${per} instances`}>
      {" "}
      ≤ {integer(per)} each
    </span>
  );
  if (now.task === "regression") {
    return (
      <div class="classes-heads">
        <span>Target</span>
        <span style={{ left: `${label}px` }}>Instances{note}</span>
        <span class="classes-scale">
          {snapshot.value.value?.task === "ranking" ? "placed" : "error"} {tick(-now.end)}{" "}
          <i style={{ background: mapGradient(true) }} /> {tick(now.end)}
        </span>
      </div>
    );
  }
  return (
    <div class="classes-heads">
      <span>Label</span>
      <span style={{ left: `${label}px` }}>
        {now.judged ? "Right" : "Instances"} <b>{integer(now.right)}</b>
        {note}
      </span>
      {wrong !== null && (
        <span style={narrow ? { right: "12px" } : { left: `${wrong}px` }}>
          Wrong <b>{integer(now.wrong)}</b>
        </span>
      )}
    </div>
  );
}

function Label({
  now,
  block,
  width,
  onPage,
}: {
  now: Blocked;
  block: Block;
  width: number;
  onPage: (page: number) => void;
}): JSX.Element {
  const { group, right, wrong, pages, page } = block;
  const name = now.names[group] ?? "";
  const key = keyOf(now, group);
  const here = key !== null && key === hoveredRow.value;
  const [good, bad] = [right.rows.length, wrong.rows.length];
  const second =
    now.task === "classification"
      ? now.judged && good + bad > 0 && name !== "–"
        ? percent(good / (good + bad))
        : good + bad === 0
          ? "none"
          : integer(good)
      : `± ${short(right.rows.reduce((sum, row) => sum + Math.abs(now.errors[row] as number), 0) / Math.max(1, good))}`;
  const keys = (event: KeyboardEvent): void => {
    const all = [...right.rows, ...wrong.rows.subarray(wrong.from, wrong.to)];
    const { instance } = hover.peek();
    const at = instance === undefined ? -1 : all.indexOf(instance);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by !== undefined) {
      const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
      if (next !== undefined) setHover({ instance: next });
    } else if (event.key === "Enter" && instance !== undefined && at >= 0) clickInstance(instance);
    else return;
    event.preventDefault();
  };
  const says =
    now.task === "classification"
      ? `${good} right, ${bad} wrong. Arrow keys go through its instances, Enter pins.`
      : `${good} instances of this target. Arrow keys go through them, Enter pins.`;
  return (
    <>
      <button
        type="button"
        class={`classes-label${here ? " here" : ""}`}
        style={{ top: `${block.top}px`, width: `${width}px` }}
        aria-description={says}
        onKeyDown={keys}
        onClick={() => key !== null && select({ kind: "subset", key })}
        onFocus={() => key !== null && setHover({ row: key })}
        onBlur={clearHover}
      >
        <span class="classes-name">
          {now.task === "classification" && <Swatch index={key === null ? -1 : group} />}
          <b class="cut" title={`${name}: ${says}`}>
            {name}
          </b>
        </span>
        <span class="classes-share">{second}</span>
      </button>
      {pages > 1 && (
        <span class="classes-pager" style={{ top: `${block.top + block.height - 19}px` }}>
          <button
            type="button"
            aria-label={`Earlier wrong ones of ${name}`}
            disabled={page === 0}
            onClick={() => onPage(page - 1)}
          >
            <Icon name="chevronLeft" size={12} />
          </button>
          {integer(wrong.from + 1)}–{integer(wrong.to)} of {integer(bad)}
          <button
            type="button"
            aria-label={`Later wrong ones of ${name}`}
            disabled={page === pages - 1}
            onClick={() => onPage(page + 1)}
          >
            <Icon name="chevronRight" size={12} />
          </button>
        </span>
      )}
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
  place: (row: number) => { x: number; y: number } | null;
  mark: number;
}): JSX.Element | null {
  const first = hit?.rows[0];
  const at = box.current?.getBoundingClientRect();
  const spot = first === undefined ? null : place(first);
  if (!hit || first === undefined || !at || !spot) return null;
  const anchor = { left: at.left + spot.x, top: at.top + spot.y - top, width: mark, height: mark };
  return (
    <Tooltip anchor={anchor}>
      {hit.rows.length === 1 ? (
        <InstanceLine row={first} />
      ) : (
        <span>
          <b>{integer(hit.rows.length)}</b> instances: a click picks them
        </span>
      )}
    </Tooltip>
  );
}
