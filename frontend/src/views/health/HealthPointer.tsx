/** What the pointer and the keyboard do on the map: the value of a cell, and the way to a snapshot and to a layer. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { StepInfo, TrainingHealth } from "../../api/types";
import { integer } from "../../draw/format";
import { type HealthRows, rowAt } from "../../layout/healthMap";
import { chooseStep, toggleLayer } from "../../state/actions";
import { nearest, steps } from "../../state/currentSnapshot";
import { pointedCell, recordedLayer } from "../../state/health";
import { Tooltip } from "../controls/Tooltip";
import { measured, titleOf } from "./measures";

interface Properties {
  known: TrainingHealth;
  name: string;
  rows: HealthRows;
  /** Of the measure, [layers, columns]. */
  values: Float32Array;
}

const MOVES: Readonly<Record<string, [number, number]>> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  PageUp: [0, -10],
  PageDown: [0, 10],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/** Lies over all cells. A click goes to the snapshot nearest to the column. */
export function HealthPointer({ known, name, rows, values }: Properties): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  /** By the keyboard: then it is said, too. */
  const isTyped = useSignal(false);
  const [layers, columns] = [known.layers.length, known.steps.length];
  useEffect(
    () => () => {
      pointedCell.value = null;
    },
    [],
  );
  const find = ({ clientX, clientY }: PointerEvent | MouseEvent): void => {
    const box = element.current?.getBoundingClientRect();
    if (!box) return;
    const column = Math.max(0, Math.min(columns - 1, Math.floor(((clientX - box.left) / box.width) * columns)));
    isTyped.value = false;
    pointedCell.value = { row: rowAt(rows, clientY - box.top), column };
  };
  const snapshotOf = (column: number): StepInfo | null =>
    nearest(
      steps.value.filter(({ problem }) => problem === null),
      (known.steps[column]! + known.last_steps[column]!) / 2,
    );
  const go = (): void => {
    const target = pointedCell.peek() && snapshotOf(pointedCell.peek()!.column);
    if (target) chooseStep(target.step);
  };
  const type = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    const before = pointedCell.peek();
    if (move) {
      const clip = (value: number, most: number): number => Math.max(0, Math.min(most - 1, value));
      isTyped.value = true;
      pointedCell.value = before
        ? { row: clip(before.row + move[0], layers), column: clip(before.column + move[1], columns) }
        : { row: 0, column: columns - 1 };
    } else if (event.key === "Enter") go();
    else if (event.key === " " && before) {
      const layer = recordedLayer(known.layers[before.row]!.name);
      if (layer !== null) toggleLayer(layer);
    } else if (event.key === "Escape" && before) pointedCell.value = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const cell = pointedCell.value;
  const isThere = cell !== null && cell.row < layers && cell.column < columns;
  const box = element.current?.getBoundingClientRect();
  const width = (box?.width ?? 0) / columns;
  const spot = isThere && {
    left: cell.column * width,
    top: rows.tops[cell.row]!,
    width: Math.max(3, width),
    height: rows.row,
  };
  const words = isThere
    ? wordsOf(known, cell.column, known.layers[cell.row]!.name, name, values[cell.row * columns + cell.column]!)
    : null;
  const target = isThere ? snapshotOf(cell.column) : null;
  return (
    <div
      ref={element}
      class="health-pointer"
      role="application"
      aria-roledescription="heat map"
      aria-label={
        `${titleOf(name)} of ${layers} layers over the steps of training. Arrow keys go from cell to cell, ` +
        "Enter goes to the nearest snapshot, Space opens or closes the layer."
      }
      tabIndex={0}
      onPointerMove={find}
      onPointerLeave={() => (pointedCell.value = null)}
      onClick={(event) => {
        find(event);
        go();
      }}
      onKeyDown={type}
      onBlur={() => (pointedCell.value = null)}
    >
      {spot && <i class="health-spot" style={px(spot)} />}
      <span class="hidden-text" role="status">
        {isTyped.value && words && `${words.where}: ${words.what}`}
      </span>
      {spot && words && box && (
        <Tooltip
          anchor={{ ...spot, left: box.left + spot.left, top: box.top + spot.top }}
          avoid={[{ left: box.left + spot.left - 2, top: box.top, width: spot.width + 4, height: 1 }]}
        >
          <div>
            <b>{words.what}</b> <span class="second">{words.where}</span>
          </div>
          {target && <div class="second">click: the snapshot of step {integer(target.step)}</div>}
        </Tooltip>
      )}
    </div>
  );
}

const px = (box: { left: number; top: number; width: number; height: number }): Record<string, string> =>
  Object.fromEntries(Object.entries(box).map(([side, size]) => [side, `${size}px`]));

function wordsOf(
  { steps: firsts, last_steps }: TrainingHealth,
  column: number,
  layer: string,
  name: string,
  value: number,
): { where: string; what: string } {
  const [first, last] = [firsts[column]!, last_steps[column]!];
  const when = first === last ? `step ${integer(first)}` : `steps ${integer(first)} to ${integer(last)}`;
  return { where: `${layer}, ${when}`, what: `${titleOf(name)} ${measured(name, value)}` };
}
