/** Which neurons are behind the errors of a subset. */

import type { JSX } from "preact";
import type { RowErrors } from "../../api/types";
import { count, integer, signed } from "../../draw/format";
import { tokens } from "../../draw/theme";
import type { RowKey } from "../../state/rowKeys";
import { Term } from "../controls/Term";
import { axisOver } from "./axis";
import { Intervals, mostLines } from "./Intervals";
import { subsetColour } from "./subsetColour";
import { EstimateWords } from "./WhyNot";

const NOBODY = { mean: NaN, std: NaN };

/** Neurons whose zero would raise the mean margin of the errors, with their values on the errors and on the right ones. */
export function BehindErrors({
  errors: { estimate, wrong, n, neurons },
  row,
  layer,
}: {
  errors: RowErrors;
  row: RowKey;
  layer: string;
}): JSX.Element {
  // A legend that says of how many errors it is has two lines.
  const shown = neurons.slice(0, Math.max(3, mostLines() - (n < wrong ? 2 : 1)));
  const colours: [string, string] = [tokens.value.accent, subsetColour(row)];
  const axis = axisOver(
    shown.flatMap(({ own, right }) => [own, right ?? own].flatMap(({ mean, std }) => [mean - std, mean + std])),
  );
  return (
    <div class="detail-errors">
      <Intervals
        layer={layer}
        axis={axis}
        colours={colours}
        heads={[<Term name="effect of zero">estimated</Term>]}
        title={[`Behind its ${count(wrong, "error")}`, ": by effect at zero"]}
        intervals={shown.map(({ neuron, effect, own, right }) => ({
          neuron,
          own,
          other: right ?? NOBODY,
          bars: { estimated: effect, tried: NaN },
          numbers: [signed(effect, 2)],
        }))}
        empty={
          estimate.method === "none"
            ? `It is not known which neurons are behind them. ${estimate.words}`
            : "No neuron of this layer would raise their margin at zero."
        }
      />
      {estimate.method !== "none" && (
        <p class="caption detail-wrong-right">
          <Mark colour={colours[0]} /> wrong <Mark colour={colours[1]} /> right
          {n < wrong && ` · of ${integer(n)} of the errors`} · <EstimateWords estimate={estimate} />
        </p>
      )}
    </div>
  );
}

const Mark = ({ colour }: { colour: string }): JSX.Element => (
  <span class="detail-mark" style={{ background: colour }} aria-hidden="true" />
);
