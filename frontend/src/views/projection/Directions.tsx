/** What a projection's colours and its first axis are, where they are the direction of a row. */

import type { JSX } from "preact";
import { fixed, integer, short } from "../../draw/format";
import { conceptOfPanel } from "../../state/concepts";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { nameOf } from "../../state/derived";
import { alongRow } from "../../state/rowKeys";
import { keyOf } from "../../state/rows";
import { panel } from "../../state/view";
import { Term } from "../controls/Term";
import type { PlotState } from "./plotState";

/** A line for the axis, and one for the colours, unless they are of the same row. */
export function Directions({ plot }: { plot: PlotState }): JSX.Element {
  const { value, query } = plot.answer.value;
  const [axis, row, key] = [value?.direction, query?.row, alongRow(panel(plot.layer).colour.value)];
  const colour = conceptOfPanel(plot.layer).value;
  const same = row && key === keyOf(row);
  const name = key && nameOf(key);
  return (
    <>
      {axis && row && (
        <span class="projection-along">
          x in layer units: 0 is the mean of the {integer(axis.rest)} others, {short(axis.length)}{" "}
          {same && "(colour 1) "}that of the {integer(axis.n)} in {nameOf(keyOf(row))}: apart by construction
          <Trust auc={axis.auc} />
        </span>
      )}
      {key && !same && (
        <span class="projection-along">
          {colour.status === "failed" ? (
            colour.error?.message
          ) : !colour.value ? null : colour.value.n && colour.value.rest ? (
            <>
              0 is the mean of the rest, 1 that of {name}
              <Trust auc={colour.value.auc} />
            </>
          ) : (
            `${name} has no direction: it holds ${colour.value.n ? "all" : "none"} of the kept instances`
          )}
        </span>
      )}
    </>
  );
}

/** Whether it holds for instances that the direction was not made of. */
function Trust({ auc }: { auc: number | null }): JSX.Element {
  return (
    <>
      {comparedSnapshot.value
        ? " · first; each along its own direction"
        : auc !== null && (
            <>
              {" · "}
              <Term name="concept">AUC</Term> {fixed(auc)} held out
            </>
          )}
    </>
  );
}
