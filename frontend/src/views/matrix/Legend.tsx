/** The legend of a matrix's colours. */

import type { JSX } from "preact";
import { mapGradient } from "../../draw/colormap";
import { tick } from "../../draw/format";
import { hoveredRow } from "../../state/derived";
import { hover } from "../../state/hover";
import { Term } from "../controls/Term";
import { modelOf } from "./matrixStage";

/** The colour scale with its ends, and a mark at the hovered cell's value. */
export function Legend({ layer }: { layer: string }): JSX.Element | null {
  const model = modelOf(layer).value;
  // An empty matrix explains itself; a scale would be meaningless.
  if (!model || model.scale.allZero || model.scale.allMissing) return null;
  const { kind, signed, end, above, below, missing } = model.scale;
  const at = hoveredShare(layer);
  // Rows without instances have no values; that is no problem of the layer.
  const empty = model.matrix.neurons * model.matrix.n.filter((n) => n === 0).length;
  const share = model.statistic.unit === "share" && kind === "raw";
  const text = (value: number): string => (share ? `${value * 100}%` : tick(value));
  return (
    <div
      class="matrix-legend caption"
      aria-label={`Colours from ${signed ? tick(-end) : 0} to ${tick(end)}`}
      role="img"
    >
      {missing > 0 && <span class="matrix-missing">{missing > empty ? "NaN" : "empty"}</span>}
      <Scale layer={layer} />
      <span>{signed ? `${below ? "≤ " : ""}${text(-end)}` : "0"}</span>
      <span class="matrix-ramp" style={{ background: mapGradient(signed) }}>
        <span class="matrix-ramp-tick" style={{ left: "50%" }} />
        {at !== null && <span class="matrix-ramp-mark" style={{ left: `${at * 100}%` }} />}
      </span>
      <span>{`${above ? "≥ " : ""}${text(end)}`}</span>
    </div>
  );
}

/** What the colours are: a term that explains itself; where the neurons are sorted by something else, both are named. */
function Scale({ layer }: { layer: string }): JSX.Element | null {
  const model = modelOf(layer).value;
  if (!model) return null;
  const { kind } = model.scale;
  const { statistic, difference } = model;
  const by = model.matrixQuery.sort.by;
  const words = difference ? (
    "difference"
  ) : kind === "z" ? (
    <Term name="z over the rows">
      <i>z</i>
    </Term>
  ) : kind === "unit" ? (
    <Term name="range">0–1</Term>
  ) : statistic.name === "active" ? (
    <Term name="share active">{statistic.label}</Term>
  ) : statistic.name === "std" ? (
    <Term name="standard deviation">{statistic.label}</Term>
  ) : (
    statistic.label
  );
  // Whatever statistic is shown, rows are compared by their means.
  const sorted =
    by === "difference"
      ? "effect size"
      : by === "effect" || by === "direction"
        ? by
        : by === "row" || by === "strongest"
          ? "mean"
          : null;
  const differs = sorted !== null && (difference || kind !== "raw" || sorted !== statistic.label);
  return (
    <span>
      {differs && (
        <>
          <span class="matrix-differs">sorted by {sorted}, </span>coloured by{" "}
        </>
      )}
      {words}
    </span>
  );
}

/** Position of the hovered cell on the scale, 0..1; null if no cell of this layer is hovered. */
function hoveredShare(layer: string): number | null {
  const [{ layer: over, neuron }, key, model] = [hover.value, hoveredRow.value, modelOf(layer).value];
  if (over !== layer || neuron === undefined || key === null || !model) return null;
  const row = model.keys.indexOf(key);
  if (row < 0) return null;
  const place = model.places[neuron] ?? 0;
  const level = model.pyramid.peak(row, place, place + 1);
  if (Math.abs(level) > 127) return null; // It is no number, or not there yet.
  return model.scale.signed ? (level / 127 + 1) / 2 : Math.max(0, level / 127);
}
