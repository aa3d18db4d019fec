/** The projection of one layer: header, plot and legend. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { closeLayer } from "../../state/actions";
import { conceptOfPanel } from "../../state/concepts";
import { activationOf } from "../../state/data";
import { picked } from "../../state/members";
import { panel } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { PickedBar } from "../controls/PickedBar";
import { Select } from "../controls/Select";
import { colourOptions } from "./colouring";
import { Legend } from "./Legend";
import { Method } from "./Method";
import { Plot } from "./Plot";
import { makePlotState } from "./plotState";

/** All sampled instances, positioned by this layer's activations. */
export function Projection({ layer }: { layer: string }): JSX.Element {
  const [plot] = useState(() => makePlotState(layer));
  const failure = useSignal<string | null>(null);
  return (
    <div class="layer-projection">
      <header class="panel-header">
        <Method layer={layer} failure={failure} />
        <span class="spring" />
        <Colour layer={layer} />
        <IconButton icon="close" size={14} label={`Close ${layer}`} onClick={() => closeLayer(layer)} />
      </header>
      <Loading load={plot.answer.value} what={`The projection of ${layer}`}>
        {() => (
          <>
            {failure.value !== null && (
              <p class="projection-failure" role="alert">
                <span>{failure.value}</span>
                <IconButton icon="close" size={12} label="Hide the message" onClick={() => (failure.value = null)} />
              </p>
            )}
            <Plot plot={plot} />
            <div class="projection-foot">
              <Legend plot={plot} />
              {picked.value?.layer === layer && <PickedBar />}
            </div>
          </>
        )}
      </Loading>
    </div>
  );
}

export function Colour({ layer }: { layer: string }): JSX.Element | null {
  const { colour } = panel(layer);
  const options = colourOptions(colour.value);
  if (options.length === 0) return null;
  const selected = options.find(({ value }) => value === colour.value) ?? options[0];
  return (
    <Select
      busy={
        (colour.value.startsWith("neuron:") && activationOf(colour.value.slice(7)).value.status === "pending") ||
        conceptOfPanel(layer).value.status === "pending"
      }
      label="Colour"
      plain
      value={selected?.value ?? "label"}
      options={options}
      onChoose={(next) => (colour.value = next)}
    >
      <span class="second projection-colour">colour</span> <b>{selected?.label}</b>
    </Select>
  );
}
