import type { JSX } from "preact";
import { projectionOf } from "../../state/data";
import { closeLayer } from "../../state/actions";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";

/** Every kept instance at its place by this layer's activations. Header (method, colour, close of the whole panel), plot, legend. */
export function Projection({ layer }: { layer: string }): JSX.Element {
  return (
    <div class="layer-projection">
      <header class="panel-header">
        <span class="spring" />
        <IconButton icon="close" label={`Close ${layer}`} onClick={() => closeLayer(layer)} />
      </header>
      <Loading load={projectionOf(layer).value} what={`The projection of ${layer}`}>
        {({ xy }) => <div class="placeholder">{xy.length / 2} points</div>}
      </Loading>
    </div>
  );
}
