import { computed, type ReadonlySignal } from "@preact/signals";
import type { Strip } from "../../api/types";
import { mapIndex, mapPixels } from "../../draw/colormap";
import { hexToRgb } from "../../draw/oklab";
import { theme, tokens } from "../../draw/theme";
import { getOrInsert } from "../../lib/getOrInsert";
import { graph, snapshot, strips } from "../../state/data";

/**
 * Heat strips as pictures: one pixel per neuron (or per group of neurons, when there are more than fit), four rows for
 * the marks of states.
 */

export const STATES = ["", "all zero", "constant", "NaN or infinite", "never above zero"] as const;
const [ZERO, CONSTANT, NONFINITE] = [1, 2, 3];

/** Strips by the name of their layer. */
export const stripOf: ReadonlySignal<Map<string, Strip>> = computed(() => {
  const [answers, layers] = [strips.value.value, snapshot.value.value?.layers ?? []];
  const found = new Map<string, Strip>();
  const branches = new Set(graph.value.value?.nodes.filter(({ branch }) => branch).map(({ key }) => key));
  layers.forEach(({ name, neurons, warnings }, i) => {
    const strip = answers?.[i];
    // While a step or run changes, the strips may still be those of the one before.
    if (!strip || strip.mean.length !== neurons) return;
    // Instances that went another way are NaN in every neuron: that is nothing to warn of.
    const away = branches.has(name) && warnings.nonfinite % neurons === 0;
    found.set(name, away ? { ...strip, state: strip.state.map((state) => (state === NONFINITE ? 0 : state)) } : strip);
  });
  return found;
});

const pictures = new WeakMap<Strip, Map<string, string>>();

/** As a data address, at most `room` pixels wide. */
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
      // Grey at the foot: all zero. Grey at head and foot: constant. All in the warning colour: NaN or infinite.
      const marked = (state === ZERO && row === 3) || (state === CONSTANT && (row === 0 || row === 3));
      pixels[row * columns + column] = state === NONFINITE ? alarm : marked ? grey : colour;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** The strongest of the neurons in a column; NaN shows as soon as one has it, other states when all of them do. */
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

/** Neurons of each state in all layers: what the legend has to explain. */
export const stateCounts: ReadonlySignal<number[]> = computed(() => {
  const counts = [0, 0, 0, 0, 0];
  for (const { state } of stripOf.value.values()) for (const mark of state) counts[mark] = (counts[mark] ?? 0) + 1;
  return counts;
});
