/** A layer's bar and figure, at the right of its row. */

import type { JSX } from "preact";
import { widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import { pointedRung, type Rung } from "../../state/rungs";

/** A rung, and the layer whose it is: of a closed module, its last one. */
export type LayerRung = Rung & { layer: string };

const [BAR, HEIGHT] = [44, 5];
/** The widest figure, "100%", so that bars stand in one column. */
const FIGURE = 34;
const GAP = 6;
/** Narrower rows show the figure alone. */
const NARROW = 150;

/** Room that a rung takes at the right of a row of `room` pixels, with the gap before it. */
export function rungWidth(rung: Rung | undefined, room: number): number {
  if (!rung) return 0;
  const figure = Math.max(FIGURE, Math.ceil(widthOf(rung.figure, 12, 500)));
  return figure + GAP + (room < NARROW ? 0 : BAR + 2 * GAP);
}

/** The bar in grey, and the figure with its right edge at `right`; both in the colour of the text where it is bold. */
export function RungView({
  rung,
  right,
  middle,
  room,
}: {
  rung: LayerRung;
  right: number;
  middle: number;
  room: number;
}): JSX.Element {
  const { text, text2, outline } = tokens.value;
  const left = right - rungWidth(rung, room) + GAP;
  const bar = { y: middle - HEIGHT / 2, height: HEIGHT, rx: 1 };
  return (
    <g
      class="graph-rung"
      data-rung={rung.layer}
      data-bold={rung.bold || undefined}
      onPointerEnter={({ currentTarget }) => pointRung(rung.layer, currentTarget)}
      onPointerLeave={leaveRung}
    >
      <rect x={left - GAP} y={middle - 10.5} width={right - left + 2 * GAP} height={21} fill="transparent" />
      {room >= NARROW && (
        <>
          <rect x={left} width={BAR} fill={outline} fill-opacity={0.6} {...bar} />
          <rect x={left} width={BAR * rung.fraction} fill={rung.bold ? text : text2} {...bar} />
        </>
      )}
      <text
        x={right}
        y={middle + 4.2}
        font-size={12}
        font-weight={rung.bold ? 500 : 400}
        text-anchor="end"
        fill={rung.bold ? text : text2}
      >
        {rung.figure}
      </text>
    </g>
  );
}

const pointRung = (layer: string, element: Element): void => {
  const [row, pane] = [element, element.closest(".graph-pane") ?? element].map((one) => one.getBoundingClientRect());
  pointedRung.value = { layer, row: row!, pane: pane! };
};

const leaveRung = (): void => {
  pointedRung.value = null;
};
