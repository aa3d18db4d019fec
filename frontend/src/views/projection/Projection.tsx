import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { closeLayer } from "../../state/actions";
import { projectionOf } from "../../state/data";
import { picked } from "../../state/members";
import { panel } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { Select } from "../controls/Select";
import { colourOptions } from "./colouring";
import { Legend, PickedBar } from "./Legend";
import { makePlot } from "./plot";
import { Plot } from "./Plot";

/** Every kept instance at its place by this layer's activations. Header (method, colour, close of the whole panel), plot, legend. */
export function Projection({ layer }: { layer: string }): JSX.Element {
  const [plot] = useState(() => makePlot(layer));
  return (
    <div class="layer-projection">
      <header class="panel-header">
        <Method />
        <span class="spring" />
        <Colour layer={layer} />
        <IconButton icon="close" size={14} label={`Close ${layer}`} onClick={() => closeLayer(layer)} />
      </header>
      <Loading load={projectionOf(layer).value} what={`The projection of ${layer}`}>
        {() => (
          <>
            <Plot plot={plot} />
            {picked.value?.name === "lasso" ? <PickedBar /> : <Legend plot={plot} />}
          </>
        )}
      </Loading>
    </div>
  );
}

function Method(): JSX.Element {
  return <span class="second">PCA</span>;
}

function Colour({ layer }: { layer: string }): JSX.Element {
  const { colour } = panel(layer);
  const options = colourOptions();
  const chosen = options.find(({ value }) => value === colour.value) ?? options[0];
  return (
    <Select label="Colour" plain value={chosen?.value ?? "label"} options={options} onChoose={(next) => (colour.value = next)}>
      <span class="second projection-colour">colour</span> <b>{chosen?.label}</b>
    </Select>
  );
}
