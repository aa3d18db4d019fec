/** Draws the cells of a matrix, one pixel row per row, scaled to the device's pixels. */

import type { Block, ColumnView } from "../layout/matrix";
import { visibleRows } from "../layout/matrix";
import { mapIndex, mapPixels } from "./colormap";
import { ABSENT, MISSING, type Pyramid } from "./matrixPyramid";
import { tokens } from "./theme";

/** Range of sorted positions [from, end) under each device pixel of the width. Edges are at device pixels. */
export function columnRanges(view: ColumnView, neurons: number, pixels: number): Int32Array {
  const ranges = new Int32Array(pixels * 2);
  const step = view.span / pixels;
  for (let x = 0; x < pixels; x++) {
    const middle = Math.min(neurons - 1, Math.floor(view.first + (x + 0.5) * step));
    const from = step <= 1 ? middle : Math.floor(view.first + x * step);
    const end =
      step <= 1 ? middle + 1 : Math.min(neurons, Math.max(from + 1, Math.ceil(view.first + (x + 1) * step - 1e-9)));
    ranges[2 * x] = from;
    ranges[2 * x + 1] = end;
  }
  return ranges;
}

/** Colours by level + 128; missing values are transparent, so that the hatching shows, and absent ones until they come. */
function colours(): Uint32Array {
  const map = mapPixels.value;
  return Uint32Array.from({ length: 257 }, (_, i) => {
    const level = i - 128;
    return level === MISSING || level === ABSENT ? 0 : map[mapIndex(level / 127)]!;
  });
}

interface Picture {
  context: CanvasRenderingContext2D;
  ratio: number;
  /** Stacked within every row: the shown values, and those that they are compared with. */
  pyramids: readonly Pyramid[];
  view: ColumnView;
  left: number;
  right: number;
}

let scratch: HTMLCanvasElement | null = null;

/** Draws the visible rows of a block, one pixel high in a small image that is then stretched. */
export function paintBlock(
  { context, ratio, pyramids, view, left, right }: Picture,
  block: Block,
  rows: readonly number[],
  scroll: number,
): void {
  const { first, end } = visibleRows(block, scroll);
  const width = Math.round(right * ratio) - Math.round(left * ratio);
  const pyramid = pyramids[0];
  if (!pyramid || end <= first || width <= 0) return;
  const lines = (end - first) * pyramids.length;
  scratch ??= document.createElement("canvas");
  if (scratch.width < width) scratch.width = width;
  if (scratch.height < lines) scratch.height = lines;
  const small = scratch.getContext("2d", { willReadFrequently: true });
  if (!small) return;
  const image = small.createImageData(width, lines);
  fillPixels(
    new Uint32Array(image.data.buffer),
    pyramids,
    columnRanges(view, pyramid.neurons, width),
    rows,
    first,
    end,
    colours(),
  );
  small.putImageData(image, 0, 0);

  const edge = (row: number): number => Math.round((block.top + row * block.rowHeight - scroll) * ratio) / ratio;
  const x = Math.round(left * ratio) / ratio;
  context.save();
  context.beginPath();
  context.rect(x, block.top, width / ratio, block.height);
  context.clip();
  if (pyramids.some(({ scale }) => scale.missing > 0)) {
    context.fillStyle = hatch(context, ratio);
    context.fillRect(x, block.top, width / ratio, block.height);
  }
  context.imageSmoothingEnabled = false;
  context.drawImage(scratch, 0, 0, width, lines, x, edge(first), width / ratio, edge(end) - edge(first));
  if (pyramids.length > 1) {
    context.fillStyle = tokens.value.background;
    for (let row = first; row < end; row++) context.fillRect(x, edge(row), width / ratio, 1 / ratio);
  }
  context.restore();
}

/**
 * Colours of the rows `first` to `end` of a block, one pixel high for each pyramid; `rows` are their indices in the
 * matrix.
 */
export function fillPixels(
  pixels: Uint32Array,
  pyramids: readonly Pyramid[],
  ranges: Int32Array,
  rows: readonly number[],
  first: number,
  end: number,
  table: Uint32Array,
): void {
  const width = ranges.length / 2;
  let i = 0;
  for (let row = first; row < end; row++)
    for (const pyramid of pyramids)
      for (let x = 0; x < width; x++, i++)
        pixels[i] = table[pyramid.peak(rows[row]!, ranges[2 * x]!, ranges[2 * x + 1]!) + 128]!;
}

const hatches = new Map<string, CanvasPattern>();

/** Hatching for missing values. */
function hatch(context: CanvasRenderingContext2D, ratio: number): CanvasPattern | string {
  const key = `${tokens.value.outline} ${ratio}`;
  let pattern = hatches.get(key) ?? null;
  if (!pattern) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    if (!pen) return tokens.value.fill2;
    pen.fillStyle = tokens.value.fill;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = tokens.value.outline;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const from of [-8, 0, 8]) {
      pen.moveTo(from - 1, 9);
      pen.lineTo(from + 9, -1);
    }
    pen.stroke();
    pattern = context.createPattern(tile, "repeat");
    if (pattern) hatches.set(key, pattern);
  }
  return pattern ?? tokens.value.fill2;
}
