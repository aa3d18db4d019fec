/** How well a neuron tells classes apart. */

import type { JSX } from "preact";
import type { NeuronDetail } from "../../api/types";
import { classColour } from "../../draw/classes";
import { fixed, integer, signed } from "../../draw/format";
import { hoveredRow, shortOf } from "../../state/derived";
import { clearHover, setHover } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { subsetKey } from "../../state/rowKeys";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { lineHeight } from "./Distributions";
import { classIndex } from "./WhyNot";

/**
 * AUC: the probability that an instance of the class activates the neuron more than one of another class. Bars start at
 * 0.5.
 */
export function Selectivity({ classes }: { classes: NeuronDetail["classes"] }): JSX.Element {
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
