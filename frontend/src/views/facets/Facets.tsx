/** The facets, a strip below the toolbar: a small picture of every column, in which a click or a brush writes the expression. */

import type { JSX } from "preact";
import type { Facet } from "../../api/types";
import { count, integer } from "../../draw/format";
import { noun } from "../../state/derived";
import { choose, chosenIn, columnSearch, facets } from "../../state/facets";
import { FACETS } from "../../state/panes";
import { shownExpression } from "../../state/typed";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import "../../lib/laterStyles";
import { Histogram } from "./Histogram";
import { Values } from "./Values";

/** The columns that say most, and a search of the others. */
export function Facets(): JSX.Element {
  const { value } = facets.value;
  return (
    <section class="facets" aria-label="Facets" style={{ height: `${FACETS}px` }}>
      <Loading load={facets.value} what="The facets">
        {() => (
          <>
            <div class="facets-strip">
              {value?.columns.map((facet) => (
                <One key={`${facet.type} ${facet.name}`} facet={facet} />
              ))}
              {value?.columns.length === 0 && <p class="second">No column has that name.</p>}
            </div>
            <div class="facets-end">
              {value && (
                <div class="facets-legend">
                  <span>
                    <i class="facet-all" /> all {integer(value.sample_size)}
                  </span>
                  {shownExpression.value !== "" && (
                    <span>
                      <i class="facet-some" /> typed {integer(value.count)}
                    </span>
                  )}
                </div>
              )}
              {columnSearch.value !== "" || (value && value.names.length > value.columns.length) ? (
                <input
                  class="facet-search"
                  type="text"
                  spellcheck={false}
                  aria-label="Search the columns"
                  placeholder={count(value?.names.length ?? 0, "column")}
                  value={columnSearch.value}
                  onInput={(event) => (columnSearch.value = event.currentTarget.value)}
                  onKeyDown={(event) => {
                    if (event.key === "Escape") columnSearch.value = "";
                  }}
                />
              ) : null}
            </div>
          </>
        )}
      </Loading>
    </section>
  );
}

/** Columns that every classifier has; the others are the user's. */
const OWN = new Set(["label", "prediction", "correct", "score", "loss", "label_score"]);

function One({ facet }: { facet: Facet }): JSX.Element {
  const { name, missing } = facet;
  const { values, from, to } = chosenIn(name);
  const kind = facet.type === "values" ? facet.kind : facet.type;
  const chosen = values.length > 0 || from !== null || to !== null;
  const empty = facet.type === "values" ? facet.distinct === 0 : facet.edges.length === 0;
  const wide = facet.type === "values" && facet.values.length > 6 && facet.values.length <= 20;
  return (
    <div class={`facet${wide ? " wide" : ""}`}>
      <div class="facet-head">
        <b class="cut" title={missing > 0 ? `${name}: ${count(missing, noun.value)} without a value` : name}>
          {name === "label_score" ? "p(label)" : name}
        </b>
        {chosen ? (
          <IconButton icon="close" size={12} label={`Clear ${name}`} onClick={() => choose(name, kind, {})} />
        ) : (
          !OWN.has(name) && <span class="third cut">your column</span>
        )}
      </div>
      {empty ? (
        <p class="second">No values.</p>
      ) : facet.type === "values" ? (
        <Values facet={facet} />
      ) : (
        <Histogram facet={facet} />
      )}
    </div>
  );
}
