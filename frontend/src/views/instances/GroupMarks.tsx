/** The marks of a group of instances, one or several instances each. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { Canvas, type Surface } from "../../draw/Canvas";
import { classColour } from "../../draw/classes";
import { count } from "../../draw/format";
import { drawMarkRing } from "../../draw/marks";
import { tokens } from "../../draw/theme";
import { type Change, marksOf, perMark } from "../../layout/changes";
import { followSize } from "../../lib/sizes";
import { clickInstance, pick } from "../../state/actions";
import { columns, snapshot } from "../../state/data";
import { labelName, noun, pinned } from "../../state/derived";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { highlighted } from "../../state/members";
import { BothLine } from "../controls/BothLine";
import { Tooltip } from "../controls/Tooltip";

const [MARK, PITCH, DIM] = [7, 9, 0.3];
/** Lines of marks that a group may fill. */
const LINES = 5;

const across = (width: number): number => Math.max(1, Math.floor((width + PITCH - MARK) / PITCH));

export const perMarkIn = (width: number, instances: number): number =>
  width === 0 ? 1 : perMark(instances, LINES * across(width));

/** The class that colours an instance's mark: its label, else what the shown snapshot predicts; -1 for none. */
function kindOf(index: number): number {
  const known = columns.value.value;
  if (!known || snapshot.value.value?.task !== "classification") return -1;
  const label = known.label[index] as number;
  return label >= 0 ? label : (known.prediction[index] as number);
}

/** `width` is set to the room for marks. */
export function GroupMarks({
  group,
  per,
  width,
}: {
  group: Change;
  per: number;
  width: { value: number };
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const pointed = useSignal(-1);
  const { value: known } = columns.value;
  const marks = useMemo(() => marksOf(group.indices, per, kindOf), [group, per, known]);
  const columnsOfMarks = across(width.value);
  const lines = Math.ceil(marks.length / columnsOfMarks);
  useEffect(() => followSize(element.current, ({ clientWidth }) => (width.value = clientWidth)), []);
  const draw = useCallback(
    ({ context }: Surface) => {
      const [lit, hovered, pins, { accent, text, background }] = [
        highlighted.value,
        hoveredInstance.value,
        new Set(pinned.value),
        tokens.value,
      ];
      const at = (mark: number): [number, number] => [
        2 + (mark % columnsOfMarks) * PITCH,
        2 + Math.floor(mark / columnsOfMarks) * PITCH,
      ];
      const rings: [mark: number, colour: string, dashed: boolean][] = [];
      marks.forEach((indices, mark) => {
        context.globalAlpha = !lit || indices.some((index) => lit[index] === 1) ? 1 : DIM;
        context.fillStyle = classColour(kindOf(indices[0] as number));
        context.beginPath();
        context.roundRect(...at(mark), MARK, MARK, 1);
        context.fill();
        if (indices.some((index) => pins.has(index))) rings.push([mark, accent, false]);
        else if (hovered !== undefined && indices.includes(hovered)) rings.push([mark, text, true]);
      });
      context.globalAlpha = 1;
      for (const [mark, ring, dashed] of rings)
        drawMarkRing(context, ...at(mark), MARK, { ring, ground: background }, dashed);
    },
    [marks, columnsOfMarks],
  );
  const markAt = (event: MouseEvent): number => {
    const box = element.current?.getBoundingClientRect();
    const [x, y] = [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)].map((place) =>
      Math.floor(place / PITCH),
    ) as [number, number];
    const mark = x >= 0 && x < columnsOfMarks && y >= 0 ? y * columnsOfMarks + x : -1;
    return mark < marks.length ? mark : -1;
  };
  const leave = (): void => {
    pointed.value = -1;
    clearHover();
  };
  const here = marks[pointed.value];
  const box = element.current?.getBoundingClientRect();
  return (
    <div
      ref={element}
      class="group-marks"
      style={{ height: `${lines * PITCH}px` }}
      onPointerMove={(event) => {
        pointed.value = markAt(event);
        const its = marks[pointed.value];
        if (its?.length === 1) setHover({ instance: its[0] as number });
        else clearHover();
      }}
      onPointerLeave={leave}
      onClick={(event) => {
        const its = marks[markAt(event)];
        if (its?.length === 1) clickInstance(its[0] as number);
        else if (its) pick({ name: group.name.toLowerCase(), indices: its });
      }}
    >
      <Canvas draw={draw} aria-hidden />
      {here && box && (
        <Tooltip
          anchor={{
            left: box.left + (pointed.value % columnsOfMarks) * PITCH,
            top: box.top + Math.floor(pointed.value / columnsOfMarks) * PITCH,
            width: PITCH,
            height: PITCH,
          }}
        >
          {here.length === 1 ? (
            <BothLine index={here[0] as number} />
          ) : (
            `${count(here.length, noun.value)}${kindOf(here[0] as number) < 0 ? "" : `, label ${labelName(kindOf(here[0] as number))}`}`
          )}
        </Tooltip>
      )}
    </div>
  );
}
