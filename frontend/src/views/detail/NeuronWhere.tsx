/** Where in the input a neuron responds: its strongest instances, the tokens or places of its peaks, selectivity. */

import type { JSX } from "preact";
import type { NeuronDetail } from "../../api/types";
import { Loading } from "../controls/Loading";
import { neuronPositions } from "./neuronFace";
import { PaintedAside } from "./PaintedAside";
import { PeakPlaces } from "./PeakPlaces";
import { Selectivity } from "./Selectivity";
import { Strongest } from "./Strongest";
import { TokenMeans } from "./TokenMeans";
import "../../lib/laterStyles";

export function NeuronWhere({ detail, layer }: { detail: NeuronDetail; layer: string }): JSX.Element {
  const load = neuronPositions.value;
  return (
    <Loading load={load.status === "failed" ? { ...load, value: null } : load} what="Where it responds">
      {(positions) => {
        const tokens = positions.strongest.some((map) => map.tokens !== null);
        const pictures = positions.sizes.length > 1;
        return (
          <div class={`detail-body detail-where${pictures ? " pictures" : ""}`}>
            <Strongest key={`${detail.neuron} ${layer}`} positions={positions} detail={detail} layer={layer} />
            {tokens ? <TokenMeans tokens={positions.tokens} /> : <PeakPlaces positions={positions} />}
            {detail.classes.length > 0 && <Selectivity classes={detail.classes} />}
            {pictures && <PaintedAside layer={layer} neuron={detail.neuron} />}
          </div>
        );
      }}
    </Loading>
  );
}
