/** The detail of a neuron. */

import type { JSX } from "preact";
import type { Driver, NeuronDetail, RowQuery } from "../../api/types";
import { short } from "../../draw/format";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { lazy } from "../controls/lazy";
import { Distributions } from "./Distributions";
import { HeadBody } from "./HeadBody";
import { head } from "./headFace";
import { NeuronWhere } from "./NeuronWhere";
import { face } from "./neuronFace";
import { OverSteps } from "./OverSteps";
import { Selectivity } from "./Selectivity";
import { type Tile, Tiles } from "./Tiles";

const NeuronTwins = lazy("The comparison", () => import("./compareNeuron"), "NeuronTwins");

/**
 * Distribution per row, instances with the highest and lowest activation, selectivity for classes, and the rows over
 * the steps.
 */
export function NeuronBody({
  detail,
  layer,
  rowQueries,
}: {
  detail: NeuronDetail;
  layer: string;
  rowQueries: readonly RowQuery[];
}): JSX.Element {
  const comparing = comparedSnapshot.value !== null;
  if (face.value === "where" && head.value) return <HeadBody layer={layer} />;
  if (face.value === "where") return <NeuronWhere detail={detail} layer={layer} />;
  return (
    <div class={`detail-body detail-neuron${comparing ? " comparing" : ""}`}>
      {comparing ? (
        <NeuronTwins key={`${detail.neuron} ${layer}`} detail={detail} layer={layer} rowQueries={rowQueries} />
      ) : (
        <Distributions detail={detail} layer={layer} rowQueries={rowQueries} />
      )}
      <section class="detail-section">
        <h3>Highest activation</h3>
        <Tiles tiles={detail.top.map(tile)} none="No instance has a finite value." />
      </section>
      {!comparing && (
        <section class="detail-section">
          <h3>Lowest activation</h3>
          <Tiles tiles={detail.bottom.map(tile)} none="No instance has a finite value." />
        </section>
      )}
      {detail.classes.length > 0 && <Selectivity classes={detail.classes} />}
      <OverSteps layer={layer} neuron={detail.neuron} />
    </div>
  );
}

const tile = ({ value, ...driver }: Driver): Tile => ({ ...driver, caption: short(value) });
