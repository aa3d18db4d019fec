/** The legend of the graph's heat strips. */

import type { JSX } from "preact";
import { mapGradient } from "../../draw/colormap";
import { integer } from "../../draw/format";
import { graph, strips } from "../../state/data";
import { failureOf } from "../../state/loads";
import { Unread } from "../controls/Loading";
import { Term } from "../controls/Term";
import { STATES, stateCounts, stripOf } from "./strips";

/** The colour scale; states are explained if there are any. */
export function Legend(): JSX.Element | null {
  const counts = stateCounts.value;
  if (failureOf(strips.value)) return <Unread load={strips.value} what="The heat strips" />;
  const branches = graph.value.value?.edges.some(({ branch }) => branch) ?? false;
  if (stripOf.value.size === 0 && !branches) return null;
  const signs = [1, 2, 3].filter((state) => (counts[state] ?? 0) > 0);
  return (
    <footer class="graph-legend caption">
      {signs.length > 0 && (
        <div class="graph-states">
          {signs.map((state) => (
            <span key={state} class={`graph-state s${state}`}>
              {integer(counts[state])} {STATES[state]}
            </span>
          ))}
        </div>
      )}
      {branches && <div class="graph-branch">not in every forward pass</div>}
      <div class="graph-scale">
        <Term name="strip">Mean ÷ layer’s largest</Term>
        <span class="spring" />
        <span>−1</span>
        <span class="graph-gradient" style={{ background: mapGradient(true) }} />
        <span>1</span>
      </div>
    </footer>
  );
}
