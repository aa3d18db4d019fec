/** The detail of a neuron. */

import type { JSX } from "preact";
import type { Driver, NeuronDetail, RowQuery } from "../../api/types";
import { classColour } from "../../draw/classes";
import { fixed, integer, short, signed } from "../../draw/format";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { hoveredRow, shortOf } from "../../state/derived";
import { clearHover, setHover } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { subsetKey } from "../../state/rowKeys";
import { lazy } from "../controls/lazy";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { Distributions, lineHeight } from "./Distributions";
import { classIndex } from "./InstanceBody";
import { OverSteps } from "./OverSteps";
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

/**
 * AUC: the probability that an instance of the class activates the neuron more than one of another class. Bars start at
 * 0.5.
 */
function Selectivity({ classes }: { classes: NeuronDetail["classes"] }): JSX.Element {
  const sorted = classes.toSorted((a, b) => (b.auc ?? -1) - (a.auc ?? -1));
  const line = `${lineHeight(sorted.length, detailHeight.value - 65)}px`;
  return (
    <section class="detail-section" aria-label="Selectivity per class">
      <h3>
        <span class="cut">Selectivity</span>
        <span class="detail-heads">
          <span class="caption number">
            <Term name="AUC">AUC</Term>
          </span>
          <span class="caption number">
            <Term name="effect size">
              <i>g</i>
            </Term>
          </span>
          <span class="caption number">n</span>
        </span>
      </h3>
      <div class="detail-scroll" role="group" aria-label="Classes" tabIndex={0}>
        {sorted.map(({ class: name, auc, d, n }) => {
          const key = subsetKey(name);
          const index = classIndex(name);
          const [from, to] = [Math.min(auc ?? 0.5, 0.5), Math.max(auc ?? 0.5, 0.5)];
          return (
            <div
              key={name}
              class={`detail-class${hoveredRow.value === key ? " lit" : ""}`}
              style={{ height: line, lineHeight: line }}
              onPointerEnter={() => setHover({ row: key })}
              onPointerLeave={clearHover}
            >
              <Swatch index={index} />
              <span class="cut">
                <Name name={name} short={shortOf(name)} />
              </span>
              <span class="detail-auc" aria-hidden="true">
                <span
                  style={{
                    left: `${from * 100}%`,
                    width: `${Math.max(1, (to - from) * 100)}%`,
                    background: classColour(index),
                  }}
                />
              </span>
              <span class="number">{fixed(auc)}</span>
              <span class="number">{signed(d)}</span>
              <span class="number second">{integer(n)}</span>
            </div>
          );
        })}
      </div>
    </section>
  );
}
