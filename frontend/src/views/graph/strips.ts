/** Heat strips as images: one pixel per neuron or group of neurons, four rows for the marks of states. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { Strip } from "../../api/types";
import { mapIndex, mapPixels } from "../../draw/colormap";
import { hexToRgb } from "../../draw/oklab";
import { theme, tokens } from "../../draw/theme";
import { getOrInsert } from "../../lib/getOrInsert";
import { graph, snapshot, strips } from "../../state/data";

export const STATES = ["", "all zero", "constant", "NaN or infinite", "never above zero"] as const;
const [ZERO, CONSTANT, NONFINITE] = [1, 2, 3];

/** Strips by the name of their layer. */
export const stripOf: ReadonlySignal<Map<string, Strip>> = computed(() => {
  const [answers, layers] = [strips.value.value, snapshot.value.value?.layers ?? []];
  const byLayer = new Map<string, Strip>();
  const branches = new Set(graph.value.value?.nodes.filter(({ branch }) => branch).map(({ key }) => key));
  layers.forEach(({ name, neurons, warnings }, i) => {
    const strip = answers?.[i];
    // While a step or run changes, these may still be the previous strips.
    if (!strip || strip.mean.length !== neurons) return;
    // Layers in branches that no instance took are NaN in every neuron: no reason for a warning.
    const isNotTaken = branches.has(name) && warnings.nonfinite % neurons === 0;
    byLayer.set(
      name,
      isNotTaken ? { ...strip, state: strip.state.map((state) => (state === NONFINITE ? 0 : state)) } : strip,
    );
  });
  return byLayer;
});

const pictures = new WeakMap<Strip, Map<string, string>>();

/** A data: address of an image at most `room` pixels wide. */
export function stripPicture(strip: Strip, room: number): string {
  const columns = Math.max(1, Math.min(strip.mean.length, Math.round(room)));
  const key = `${columns} ${theme.value}`;
  const ofStrip = getOrInsert(pictures, strip, () => new Map<string, string>());
  return getOrInsert(ofStrip, key, () => draw(strip, columns));
}

function draw(strip: Strip, columns: number): string {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, 4];
  const context = canvas.getContext("2d");
  if (!context) return "";
  const image = context.createImageData(columns, 4);
  const pixels = new Uint32Array(image.data.buffer);
  const map = mapPixels.value;
  const grey = packed(tokens.value.text3);
  const alarm = packed(tokens.value.accentFill);
  for (let column = 0; column < columns; column++) {
    const { value, state } = summary(strip, column, columns);
    const colour = map[mapIndex(Number.isFinite(value) ? value : 0)] ?? 0;
    for (let row = 0; row < 4; row++) {
      // Grey at the bottom: all zero. Grey at top and bottom: constant. Warning colour: NaN or infinite.
      const marked = (state === ZERO && row === 3) || (state === CONSTANT && (row === 0 || row === 3));
      pixels[row * columns + column] = state === NONFINITE ? alarm : marked ? grey : colour;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** The extreme neuron in a pixel column; NaN is shown if any neuron has it, other states if all have. */
export function summary({ mean, state }: Strip, column: number, columns: number): { value: number; state: number } {
  const from = Math.floor((column * mean.length) / columns);
  const to = Math.max(from + 1, Math.floor(((column + 1) * mean.length) / columns));
  let value = 0;
  let all = state[from] ?? 0;
  for (let i = from; i < to; i++) {
    const [now, mark] = [mean[i] ?? 0, state[i] ?? 0];
    if (Math.abs(now) > Math.abs(value)) value = now;
    if (mark === NONFINITE) return { value, state: mark };
    if (mark !== all) all = 0;
  }
  return { value, state: all };
}

function packed(hex: string): number {
  const [r, g, b] = hexToRgb(hex);
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Number of neurons in each state over all layers, for the legend. */
export const stateCounts: ReadonlySignal<number[]> = computed(() => {
  const counts = [0, 0, 0, 0, 0];
  for (const { state } of stripOf.value.values()) for (const mark of state) counts[mark] = (counts[mark] ?? 0) + 1;
  return counts;
});
