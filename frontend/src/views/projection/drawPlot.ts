/** Draws a projection's points, labels, rings and lasso. */

import type { Surface } from "../../draw/Canvas";
import { cloud } from "../../draw/cloud";
import { packColour, splat } from "../../draw/points";
import { FONT, widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import type { Frame } from "../../layout/projection";
import { aroundMiddle, besidePoint, place } from "../../layout/projectionLabels";
import { columns } from "../../state/data";
import { hoveredRow, instanceName, pinned, shortName } from "../../state/derived";
import { hoveredInstance } from "../../state/hover";
import { highlighted } from "../../state/members";
import { wide } from "../../state/panes";
import { keyOf } from "../../state/rows";
import type { PlotState } from "./plotState";

const DIM = 0.26;
const FULL = 0.72;
/** Opacity of points: lower for more points, because they overlap. */
const fullAlpha = (count: number): number => Math.max(0.12, Math.min(FULL, FULL * Math.sqrt(8000 / count)));
/** From this many points on, they are drawn smaller: it looks better and is faster. */
const MANY = 20_000;

/** Up to this many points, they are drawn larger. */
const FEW = 100;

export const pointRadius = (count: number): number =>
  count > MANY ? 1.1 : (wide.value ? 2.2 : 1.9) + (count <= FEW ? 1.2 : 0);
const litRadius = (count: number): number => (count > MANY ? 1.5 : pointRadius(count) + 0.7);

/**
 * Draws the points, through the draw queue. What does not depend on the hover is cached, so that a hover only draws the
 * highlighted points.
 */
export function pointsPainter(plot: PlotState): (surface: Surface) => (() => void) | undefined {
  let image: ImageData | null = null;
  // Two cached pictures: normal, and dimmed below highlighted points.
  const grounds = [0, 1].map(() => ({ pixels: new Uint32Array(0), inputs: [] as unknown[] }));
  return ({ context, ratio, ...own }) => {
    const [xy, frame, pixels, strong, marked] = [
      plot.xy.value,
      plot.frame.value,
      plot.pixels.value,
      plot.strongPixels.value,
      highlighted.value,
    ];
    const count = xy ? xy.length >> 1 : 0;
    const fill = packColour(tokens.value.fill);
    const rings = pinned.value;
    const radius = [pointRadius(count) * ratio, litRadius(count) * ratio] as const;
    // Plot and canvas may not both know a new size yet.
    if (
      !xy ||
      !pixels ||
      !strong ||
      pixels.length !== count ||
      frame?.width !== own.width ||
      frame.height !== own.height
    )
      return undefined;
    return () => {
      const [width, height] = [context.canvas.width, context.canvas.height];
      if (image?.width !== width || image.height !== height) image = context.createImageData(width, height);
      const sheet = { pixels: new Uint32Array(image.data.buffer), width, height };
      const placing = { x0: frame.x0 * ratio, y0: frame.y0 * ratio, scale: frame.scale * ratio };
      const small = (alpha: number) => ({ radius: radius[0], alpha });
      const ground = grounds[+!!marked]!;
      const inputs = [xy, frame, pixels, fill, width, height, ...radius];
      if (inputs.some((value, i) => value !== ground.inputs[i])) {
        ground.inputs = inputs;
        if (ground.pixels.length !== width * height) ground.pixels = new Uint32Array(width * height);
        ground.pixels.fill(fill);
        (count > MANY ? cloud : splat)(
          { ...sheet, pixels: ground.pixels },
          xy,
          placing,
          pixels,
          small(marked ? Math.min(DIM, fullAlpha(count) / 2) : fullAlpha(count)),
          null,
        );
      }
      sheet.pixels.set(ground.pixels);
      const style = { radius: radius[1], alpha: 1, halo: { width: 0.9 * ratio, colour: fill } };
      if (marked?.length === count) {
        // Very many highlighted points are drawn without rings, which would cover others.
        const out = countOf(marked);
        if (out > MANY / 5 && count > MANY) cloud(sheet, xy, placing, strong, small(fullAlpha(out)), marked);
        else splat(sheet, xy, placing, strong, style, marked);
      }
      if (rings.length > 0) {
        const pins = new Uint8Array(count);
        for (const index of rings) pins[index] = 1;
        splat(sheet, xy, placing, strong, style, pins);
      }
      context.putImageData(image, 0, 0);
    };
  };
}

function countOf(members: Uint8Array): number {
  let count = 0;
  const end = members.lastIndexOf(1) + 1;
  for (let index = Math.max(0, members.indexOf(1)); index < end; index++) count += members[index] as number;
  return count;
}

/** Labels and rings above the points: clusters, pinned and hovered instances. */
export function paintMarks(plot: PlotState, { context, width, height }: Surface): void {
  const [xy, frame, colouring, colours] = [plot.xy.value, plot.frame.value, plot.colouring.value, tokens.value];
  if (!xy || !frame) return;
  const at = (index: number): [number, number] => [
    frame.x0 + (xy[2 * index] as number) * frame.scale,
    frame.y0 - (xy[2 * index + 1] as number) * frame.scale,
  ];
  const inPlot = (index: number): boolean => {
    const [x, y] = at(index);
    return x > -8 && y > -8 && x < width + 8 && y < height + 8;
  };
  const hovered = hoveredInstance.value;
  const rings = pinned.value.filter((index) => index < xy.length >> 1 && inPlot(index));
  const key = hoveredRow.value;
  const wishes: (Parameters<typeof place>[0][number] & { text: string; font: string; colour: string })[] = [];
  const wish = (
    text: string,
    weight: number,
    size: number,
    colour: string,
    x: number,
    y: number,
    around: (w: number, h: number) => [number, number][],
  ): void => {
    const font = `${weight} ${size}px ${FONT}`;
    const box = widthOf(text, size, weight);
    wishes.push({ text, font, colour, x, y, width: box, height: size, offsets: around(box, size + 2) });
  };
  const reserve = (x: number, y: number, w: number, h: number): void =>
    void wishes.push({ text: "", font: "", colour: "", x, y, width: w, height: h, offsets: [[0, 0]] });
  // Reserve the corners with the captions of the axes.
  const { query, value } = plot.answer.value;
  const left = query?.row ? 80 : 50;
  reserve(3 + left / 2, 12, left, 12);
  const right = query?.like || query?.row ? 100 : 50;
  reserve(width - 3 - right / 2, height - 10, right, 12);
  // The two means that a direction is made of, named outside of what is between them.
  if (value?.direction && query?.row)
    for (const [mean, side, text] of [
      [0, -1, "rest"],
      [value.direction.length, 1, shortName(keyOf(query.row))],
    ] as const) {
      const x = frame.x0 + mean * frame.scale;
      context.fillStyle = colours.outline;
      context.fillRect(x, 0, 1, height);
      wish(text, 400, 12, colours.text2, x, 12, (w) => [0, 14].map((down) => [side * (w / 2 + 4), down]));
    }
  for (const index of rings) {
    const [x, y] = at(index);
    // Labels avoid the ring.
    reserve(x, y, 10, 10);
    wish(instanceName(index), 500, 12, colours.text, x, y, (w, h) => besidePoint(w, h, 9));
  }
  if (colouring?.kind === "groups") {
    let room = colouring.groups.length > 20 ? 12 : Infinity;
    const order = plot.clusters.value.toSorted((a, b) => rank(b.group) - rank(a.group) || b.count - a.count);
    function rank(group: number): number {
      const its = colouring?.kind === "groups" ? colouring.groups[group] : undefined;
      return its && its.key === key ? 2 : its?.shown ? 1 : 0;
    }
    for (const { group, x, y, count } of order) {
      const its = colouring.groups[group];
      if (!its || plot.hidden.value.has(group) || (rank(group) === 0 && room-- <= 0)) continue;
      const strong = its.key !== null && its.key === key;
      wish(
        its.short,
        500,
        strong ? 13 : 12,
        strong ? colours.text : colours.text2,
        frame.x0 + x * frame.scale,
        frame.y0 - y * frame.scale,
        count > 2 ? aroundMiddle : (w, h) => besidePoint(w, h, 7),
      );
    }
  }
  paintCrosses(plot, context, at, inPlot);
  const places = place(wishes, width, height);
  for (const index of rings) {
    const [x, y] = at(index);
    ring(context, x, y, 6.5, 4, colours.fill);
    ring(context, x, y, 6.5, 2, colours.accent);
  }
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = colours.fill;
  places.forEach((spot, i) => {
    const { text, font, colour } = wishes[i] as (typeof wishes)[number];
    if (!spot || !text) return;
    context.font = font;
    context.fillStyle = colour;
    context.strokeText(text, spot.x, spot.y + 0.5);
    context.fillText(text, spot.x, spot.y + 0.5);
  });
  if (
    hovered !== undefined &&
    hovered < (columns.value.value?.count ?? 0) &&
    hovered < xy.length >> 1 &&
    inPlot(hovered)
  ) {
    const [x, y] = at(hovered);
    ring(context, x, y, rings.includes(hovered) ? 10 : 7, 3.5, colours.fill);
    context.setLineDash([3, 2]);
    ring(context, x, y, rings.includes(hovered) ? 10 : 7, 1.5, colours.text);
    context.setLineDash([]);
  }
}

/** More crosses than this would cover the plot; their points have the colour. */
const MOST_CROSSES = 4000;

/** Crosses on the instances of groups that are marked so, dimmed like their points. */
function paintCrosses(
  plot: PlotState,
  context: CanvasRenderingContext2D,
  at: (index: number) => [number, number],
  inPlot: (index: number) => boolean,
): void {
  const how = plot.colouring.value;
  if (how?.kind !== "groups" || !how.groups.some(({ cross }) => cross)) return;
  const crossed = Array.from(how.groupOf.keys()).filter((index) => {
    const group = how.groupOf[index] as number;
    return how.groups[group]?.cross && !plot.hidden.value.has(group) && inPlot(index);
  });
  if (crossed.length > MOST_CROSSES) return;
  const lit = highlighted.value;
  context.lineCap = "round";
  for (const [width, colour] of [
    [3.5, tokens.value.fill],
    [1.6, tokens.value.text],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    for (const index of crossed) {
      const [x, y] = at(index);
      context.globalAlpha = !lit || lit[index] === 1 ? 1 : 0.3;
      context.beginPath();
      context.moveTo(x - 3, y - 3);
      context.lineTo(x + 3, y + 3);
      context.moveTo(x + 3, y - 3);
      context.lineTo(x - 3, y + 3);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  context.lineCap = "butt";
}

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  width: number,
  colour: string,
): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

export function paintLasso({ context }: Surface, line: readonly number[], frame: Frame): void {
  if (line.length < 4) return;
  context.beginPath();
  for (let k = 0; k < line.length; k += 2) {
    context.lineTo(frame.x0 + (line[k] as number) * frame.scale, frame.y0 - (line[k + 1] as number) * frame.scale);
  }
  context.closePath();
  context.fillStyle = tokens.value.accentWash;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = tokens.value.accent;
  context.stroke();
}
