/** Saves a matrix as PNG, SVG or CSV. */

import { classColour } from "../../draw/classes";
import { mapColour } from "../../draw/colormap";
import { integer, tick } from "../../draw/format";
import { effectEnd } from "../../draw/matrixMarks";
import { MISSING, Pyramid } from "../../draw/matrixPyramid";
import { tokens } from "../../draw/theme";
import { matrixShape, placeToX, tickStep } from "../../layout/matrix";
import { colourOf } from "../../state/colours";
import { currentSnapshot } from "../../state/currentSnapshot";
import { nameOf } from "../../state/derived";
import { instanceOfKey } from "../../state/rowKeys";
import { allLevels, allNumbers } from "../../state/wholeMatrix";
import { csvLine, digits, saveRaster, saveSvg, saveText } from "../controls/save";
import { barsOf, type MatrixModel, nameAt, verdict } from "./matrixStage";

/** The whole matrix of a layer: as a picture, or its numbers as CSV. */
export async function saveMatrix(kind: "png" | "svg" | "csv", layer: string, model: MatrixModel): Promise<void> {
  const name = `${layer}-step-${currentSnapshot.peek()?.step ?? ""}`;
  if (kind === "png") await saveRaster(`${name}.png`, picture(layer, await whole(model)));
  else if (kind === "svg") saveSvg(`${name}.svg`, picture(layer, await whole(model)));
  else saveText(`${name}.csv`, table(await numbered(model)));
}

/** Loads the numbers of a matrix that was sent as colour levels. */
const numbered = async (model: MatrixModel): Promise<MatrixModel> =>
  model.matrix.quantized ? { ...model, matrix: await allNumbers(model.matrixQuery, model.matrix.order) } : model;

/** Loads the rows of a matrix of which only the first were sent; what is typed, behind them, is there. */
async function whole(model: MatrixModel): Promise<MatrixModel> {
  const { matrix, matrixQuery, typed, scale } = model;
  if (!matrix.drawn || !matrix.quantized) return model;
  const rows = matrixQuery.rows.slice(0, matrix.count - typed.length);
  const all = await allLevels({ ...matrixQuery, rows });
  const levels = new Uint8Array(matrix.count * matrix.neurons);
  levels.set(matrix.quantized.slice(-matrix.neurons), levels.length - matrix.neurons);
  levels.set(all.quantized ?? []);
  return { ...model, pyramid: new Pyramid(levels, matrix.order, scale) };
}

/** One line per neuron in the order shown, one column per row. */
export function table(model: MatrixModel): string {
  const { matrix, keys, statistic } = model;
  const { effect, order, neurons } = matrix;
  const lines = [
    csvLine(["neuron", ...(effect ? [barsOf(model)] : []), ...keys.map((key) => `${nameOf(key)} ${statistic.label}`)]),
  ];
  for (const neuron of order) {
    lines.push(
      csvLine([
        neuron,
        ...(effect ? [digits(effect[neuron]!)] : []),
        ...keys.map((_, row) => digits(matrix.statistics[statistic.name]![row * neurons + neuron]!)),
      ]),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Larger matrices are an image within the SVG. */
const MOST_SHAPES = 20_000;
const SPACE = "http://www.w3.org/2000/svg";

function picture(layer: string, model: MatrixModel): SVGSVGElement {
  const { matrix, pinned, typed, subsets, pyramid, scale, keys } = model;
  const { background, text, text2, text3, accent } = tokens.peek();
  const labels = 160;
  const width = labels + Math.max(480, Math.min(1600, matrix.neurons * 10)) + 14;
  const rowHeight = 14;
  const effect = matrix.effect;
  const height =
    32 +
    (effect ? 38 : 8) +
    pinned.length * 18 +
    (pinned.length > 0 ? 6 : 0) +
    typed.length * 21 +
    subsets.length * rowHeight +
    29;
  const shape = matrixShape({
    width: width - 12,
    height: height - 32,
    pinned: pinned.length,
    typed: typed.length > 0,
    subsets: subsets.length,
    effect: effect !== null,
    labels,
  });
  const view = { first: 0, span: matrix.neurons };

  const svg = element("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": "Roboto, Helvetica, Arial, sans-serif",
  }) as SVGSVGElement;
  const add = (kind: string, attributes: Record<string, string | number>, words?: string): Element =>
    svg.appendChild(element(kind, attributes, words));
  const write = (words: string, x: number, y: number, more: Record<string, string | number> = {}): void =>
    void add("text", { x, y: y + 32, fill: text, "font-size": 12, "dominant-baseline": "central", ...more }, words);
  add("rect", { width, height, fill: background });
  write(layer, 12, -16, { "font-size": 13, "font-weight": 500 });
  const lowest = scale.signed ? tick(-scale.end) : "0";
  const highest = `${scale.above ? "≥ " : ""}${tick(scale.end)}`;
  write(`${model.statistic.title}, ${scale.kind}, ${lowest} … ${highest}`, shape.right, -16, {
    "font-size": 11,
    fill: text2,
    "text-anchor": "end",
  });
  for (const [rows, block] of [
    [pinned, shape.pinned],
    [typed, shape.typed],
    [subsets, shape.subsets],
  ] as const) {
    rows.forEach((row, i) => {
      const y = block.top + i * block.rowHeight;
      const key = keys[row]!;
      const instance = instanceOfKey(key);
      const said = instance === null ? null : verdict(instance);
      const index = colourOf(key);
      if (index >= 0)
        add("rect", {
          x: 17,
          y: y + 32 + block.rowHeight / 2 - 4,
          width: 8,
          height: 8,
          rx: 2,
          fill: classColour(index),
        });
      write(nameOf(key), 36, y + block.rowHeight / 2);
      const letter = row === model.a ? "A" : row === model.b ? "B" : "";
      if (letter) write(letter, 96, y + block.rowHeight / 2, { fill: accent, "font-size": 11, "font-weight": 500 });
      write(said?.text ?? integer(matrix.n[row]), labels - 6, y + block.rowHeight / 2, {
        "font-size": 11,
        fill: said?.wrong ? accent : text2,
        "text-anchor": "end",
      });
    });
    if (rows.length * matrix.neurons <= MOST_SHAPES) {
      rows.forEach((row, i) => {
        for (let place = 0; place < matrix.neurons; place++) {
          const level = pyramid.peak(row, place, place + 1);
          const [x, end] = [placeToX(shape, view, place), placeToX(shape, view, place + 1)];
          add("rect", {
            x: round(x),
            y: block.top + i * block.rowHeight + 32,
            width: round(end) - round(x),
            height: block.rowHeight,
            fill: level === MISSING ? tokens.peek().outline : mapColour(level / 127),
            "shape-rendering": "crispEdges",
          });
        }
      });
    } else if (rows.length > 0) {
      add("image", {
        x: shape.left,
        y: block.top + 32,
        width: shape.right - shape.left,
        height: rows.length * block.rowHeight,
        preserveAspectRatio: "none",
        style: "image-rendering: pixelated",
        href: cellImage(model, rows),
      });
    }
  }
  if (effect && shape.effect) {
    const end = effectEnd(effect);
    write(`${barsOf(model)}, ${nameAt(model, model.a)} − ${nameAt(model, model.b)}`, 12, 18, {
      "font-size": 11,
      fill: text2,
    });
    const { zero, reach } = shape.effect;
    matrix.order.forEach((neuron, place) => {
      const d = effect[neuron]!;
      const own = Math.min(1, Math.abs(d) / end) * reach;
      const [x, next] = [placeToX(shape, view, place), placeToX(shape, view, place + 1)];
      const key = keys[d > 0 ? model.a : model.b];
      const index = key === undefined ? -1 : colourOf(key);
      if (own > 0)
        add("rect", {
          x: round(x + (next - x) * 0.15),
          y: round(32 + (d > 0 ? zero - own : zero)),
          width: round((next - x) * 0.7),
          height: round(own),
          fill: index < 0 ? text2 : classColour(index),
        });
    });
  }
  write("neuron", 36, shape.ids, { "font-size": 10, fill: text3 });
  const step = tickStep((shape.right - shape.left) / matrix.neurons, String(matrix.neurons).length * 6);
  for (let place = 0; place < matrix.neurons; place += step) {
    write(String(matrix.order[place]), round(placeToX(shape, view, place + 0.5)), shape.ids, {
      "font-size": 10,
      fill: text3,
      "text-anchor": "middle",
    });
  }
  return svg;
}

const round = (x: number): number => Math.round(x * 100) / 100;

function element(kind: string, attributes: Record<string, string | number>, words?: string): Element {
  const made = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (words !== undefined) made.textContent = words;
  return made;
}

function cellImage({ pyramid }: MatrixModel, rows: readonly number[]): string {
  const canvas = document.createElement("canvas");
  const width = Math.min(pyramid.neurons, 8192);
  canvas.width = width;
  canvas.height = rows.length;
  const pen = canvas.getContext("2d")!;
  rows.forEach((row, y) => {
    for (let x = 0; x < width; x++) {
      const level = pyramid.peak(
        row,
        Math.floor((x / width) * pyramid.neurons),
        Math.ceil(((x + 1) / width) * pyramid.neurons),
      );
      pen.fillStyle = level === MISSING ? tokens.peek().outline : mapColour(level / 127);
      pen.fillRect(x, y, 1, 1);
    }
  });
  return canvas.toDataURL();
}
