/** What the bars of the graph mean, and the steps of the one that is pointed at. Loaded after the first picture. */

import type { JSX } from "preact";
import type { LayerSeparation, Separation } from "../../api/types";
import { count, fixed, integer, percent } from "../../draw/format";
import { chooseLadderFigure } from "../../state/actions";
import { step } from "../../state/currentSnapshot";
import { layerTitle, neuronName, shortName } from "../../state/derived";
import { failureOf } from "../../state/loads";
import { keyOf } from "../../state/rows";
import { pointedRung } from "../../state/rungs";
import { largestEffect, separation, trend } from "../../state/separations";
import { ladderFigure } from "../../state/view";
import { Unread } from "../controls/Loading";
import { Segmented } from "../controls/Segmented";
import { RowSwatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { Tooltip } from "../controls/Tooltip";
import { tooltip } from "./graphTip";
import "../../lib/laterStyles";
import { Sparkline } from "./Sparkline";

/** The legend: method, question and scale. */
export function Ladder(): JSX.Element | null {
  const { value, query } = separation.value;
  if (failureOf(separation.value))
    return <Unread load={separation.value} what="How well the layers tell classes apart" />;
  if (!value || value.groups.length === 0 || value.layers.every(({ accuracy }) => accuracy === null))
    return query?.rows ? (
      <p class="ladder caption">A and B share too many instances, or have too few, to be told apart.</p>
    ) : null;
  const figure = ladderFigure.value;
  const used = value.groups.reduce((sum, { n }) => sum + n, 0);
  const pair = query?.rows?.map(keyOf);
  return (
    <section class="ladder caption" aria-label="How well layers tell apart">
      <div class="ladder-line">
        <span>
          <Term name="nearest mean">{figure === "accuracy" ? "nearest mean" : "largest |g|"}</Term>, n {integer(used)}
        </span>
        <span class="spring" />
        <Segmented
          label="Figure of the layers"
          value={figure}
          options={[
            { value: "accuracy", label: "accuracy" },
            { value: "effect", label: <i>g</i>, title: "The largest effect size of one neuron" },
          ]}
          onChoose={chooseLadderFigure}
        />
      </div>
      <div class="ladder-line">
        <span class="ladder-question cut">
          {pair ? (
            <>
              <RowSwatch row={pair[0]!} /> {shortName(pair[0]!)} from <RowSwatch row={pair[1]!} /> {shortName(pair[1]!)}
            </>
          ) : (
            count(value.groups.length, "class", "classes")
          )}
        </span>
        <span class="spring" />
        <span>{figure === "accuracy" ? percent(1 / value.groups.length, 0) : "0"}</span>
        <span class="ladder-bar" />
        <span>{figure === "accuracy" ? "100%" : fixed(largestEffect(value), 1)}</span>
      </div>
      <Pointed known={value} />
    </section>
  );
}

/** The figures of the layer that is pointed at, and their course over the steps once the pointer rests. */
function Pointed({ known }: { known: Separation }): JSX.Element | null {
  const pointed = pointedRung.value;
  const layer = known.layers.find(({ name }) => name === pointed?.layer);
  if (!pointed || !layer || layer.accuracy === null || tooltip.value) return null;
  const { value, query, status } = trend.value;
  const isOfThis = query?.layer === layer.name;
  const figure = ladderFigure.value;
  const { row, pane } = pointed;
  // Beside the pane, so that no bar is covered.
  const anchor = { left: pane.left, width: pane.width, top: row.top, height: row.height };
  return (
    <Tooltip anchor={anchor} avoid={[pane]}>
      <div>
        <b>{layerTitle(layer.name)}</b> {percent(layer.accuracy, 0)} right, standard error{" "}
        {percent(layer.standard_error, 1)}
      </div>
      <div>{effectText(layer, known)}</div>
      {isOfThis && value && value.length > 1 && (
        <Sparkline
          steps={query.steps}
          values={value.map(
            (point) => (figure === "accuracy" ? point?.accuracy : Math.abs(point?.effect ?? NaN)) ?? NaN,
          )}
          range={figure === "accuracy" ? [1 / known.groups.length, 1] : [0, null]}
          now={step.value?.step ?? null}
          label={(y) => (figure === "accuracy" ? percent(y, 0) : fixed(y, 1))}
        />
      )}
      {(status === "pending" || status === "idle") && <div class="caption">over the steps …</div>}
    </Tooltip>
  );
}

function effectText({ effect: g, neuron, group, name }: LayerSeparation, { groups }: Separation): string {
  if (g === null || neuron === null) return "no neuron differs";
  const against = groups.length > 2 && group !== null ? ` for ${groups[group]?.name}` : "";
  const own = neuronName(name, neuron);
  return `largest g ${fixed(g, 1)}, ${own.startsWith("Neuron") ? own.toLowerCase() : own}${against}`;
}
