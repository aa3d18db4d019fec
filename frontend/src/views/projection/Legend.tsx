/** The legend of a projection's colours. */

import type { JSX } from "preact";
import { mapGradient } from "../../draw/colormap";
import { integer, tick } from "../../draw/format";
import { secondsText } from "../../draw/times";
import { hoveredRow, openLayers } from "../../state/derived";
import { hovering } from "../../state/hover";
import { projectionWidth, viewport } from "../../state/panes";
import { alongRow } from "../../state/rowKeys";
import { panel } from "../../state/view";
import { lazy } from "../controls/lazy";
import { Name } from "../controls/Name";
import type { PlotState } from "./plotState";

const Directions = lazy("The direction", () => import("./Directions"), "Directions");

/** Windows that leave a panel of two one line of the legend. */
const LOW = 800;

/** An entry highlights its group on hover, and a click hides or shows it. */
export function Legend({ plot }: { plot: PlotState }): JSX.Element {
  const colouring = plot.colouring.value;
  if (!colouring) return <div class="projection-legend" />;
  const directions = (plot.answer.value.query?.row ?? alongRow(panel(plot.layer).colour.value)) && (
    <Directions plot={plot} />
  );
  if (colouring.kind === "numbers") {
    const { since } = colouring;
    const text = (value: number): string => (since === null ? tick(value) : secondsText(since, value));
    return (
      <div class="projection-legend scale">
        <span>{text(colouring.low)}</span>
        <span class="projection-scale" style={{ background: mapGradient(colouring.low < 0) }} />
        <span>{text(colouring.high)}</span>
        {directions}
      </div>
    );
  }
  const entries = colouring.groups.map((group, index) => ({ ...group, index })).filter(({ shown }) => shown);
  const grey = colouring.groups.length - entries.length;
  const key = hoveredRow.value;
  const lit = key !== null;
  const letters = Math.max(0, ...entries.map(({ short }) => short.length));
  // Equal columns if all entries fit in one line: swatch, name and a gap each.
  const room = (projectionWidth.value - 12) / entries.length;
  // Panels above each other in a low window: names that do not fit keep their beginnings; the plot has them whole.
  const even =
    grey === 0 &&
    (17 + 6.5 * letters <= room || (room >= 36 && openLayers.value.length > 1 && viewport.value.height < LOW));
  const long = letters > 12 && entries.length > 3;
  const toggle = (index: number): void => {
    const next = new Set(plot.hidden.peek());
    if (!next.delete(index)) next.add(index);
    plot.hidden.value = next;
  };
  return (
    <div
      class={`projection-legend${even ? " even" : long ? " long" : ""}`}
      role="group"
      aria-label="Legend"
      style={even ? { "--entries": entries.length } : {}}
    >
      {entries.map(({ name, short, colour, cross, key: own, index }) => {
        const off = plot.hidden.value.has(index);
        const here = own !== null && own === key;
        return (
          <button
            key={index}
            type="button"
            class={`projection-entry${here ? " here" : lit ? " dim" : ""}${off ? " off" : ""}`}
            aria-pressed={!off}
            onClick={() => toggle(index)}
            {...hovering(own ? { row: own } : null)}
          >
            {cross ? (
              <span class="projection-cross" aria-hidden="true" />
            ) : (
              <span
                class="swatch"
                style={off ? { boxShadow: `inset 0 0 0 1.5px ${colour}` } : { background: colour }}
              />
            )}
            <span class="cut">
              <Name name={name} short={short} />
            </span>
          </button>
        );
      })}
      {grey > 0 && (
        <span class="projection-grey">
          {entries.length > 0
            ? `${integer(grey)} more in grey`
            : `${integer(grey)} classes, too many to colour: point at one`}
        </span>
      )}
      {directions}
    </div>
  );
}
