/** The distribution of a neuron in two snapshots. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { NeuronDetail, RowQuery } from "../../api/types";
import { comparedLayer, comparedNeuronOf, sideNames } from "../../state/compared";
import { comparedInfo } from "../../state/data";
import { pairsOf, partnerOf, partnerWords } from "../../state/neuronPairs";
import { CutText } from "../controls/CutText";
import { Loading } from "../controls/Loading";
import { Distributions } from "./Distributions";
import "../../lib/laterStyles";

/** Both on one scale; the other is the neuron that is paired with it. */
export function NeuronTwins({
  detail,
  layer,
  rowQueries,
}: {
  detail: NeuronDetail;
  layer: string;
  rowQueries: readonly RowQuery[];
}): JSX.Element {
  const { neuron } = detail;
  const [other] = useState(() => comparedNeuronOf(() => ({ layer, neuron })));
  const [own, name] = sideNames.value;
  const { value: its, query } = other.value;
  const loading = pairsOf(layer) === undefined;
  const [partner, words] = [partnerOf(layer, neuron), partnerWords(layer, neuron)];
  const ends = [detail, its].flatMap((one) => (one ? [one.edges[0] ?? 0, one.edges.at(-1) ?? 1] : []));
  const range = [Math.min(...ends), Math.max(...ends)] as const;
  return (
    <div class="neuron-twins">
      <Distributions detail={detail} layer={layer} rowQueries={rowQueries} of={own} range={range} />
      {comparedInfo.value.value && !loading && (partner ?? Infinity) >= (comparedLayer(layer)?.neurons ?? 0) ? (
        <section class="detail-section">
          <h3>
            <CutText>{name}</CutText>
          </h3>
          <p class="detail-words">
            {comparedLayer(layer) ? words || "It has no such neuron." : `It has no layer ${layer}.`}
          </p>
        </section>
      ) : (
        <Loading load={other.value} what={`Neuron ${neuron} in ${name}`}>
          {(loaded) => (
            <Distributions detail={loaded} layer={layer} rowQueries={query?.rows ?? []} of={name} range={range} />
          )}
        </Loading>
      )}
    </div>
  );
}
