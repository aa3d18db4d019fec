import type { JSX } from "preact";
import { matrixOf } from "../../state/data";
import { Loading } from "../controls/Loading";

/** Rows by neurons of one layer, on canvas. Fills the room under its panel's header. */
export function Matrix({ layer }: { layer: string }): JSX.Element {
  return (
    <Loading load={matrixOf(layer).value} what={`The matrix of ${layer}`}>
      {(matrix) => <div class="placeholder">{matrix.count} × {matrix.neurons}</div>}
    </Loading>
  );
}
