/** The detail of a subset. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { MeanStd, RowQuery, SharedInstances, SubsetDetail } from "../../api/types";
import { fixed, integer, signed } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { colourOf } from "../../state/colours";
import { conceptOfPanel } from "../../state/concepts";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { snapshot } from "../../state/data";
import { labelName, nameOf, subsetsByName } from "../../state/derived";
import type { Load } from "../../state/loads";
import { effectsOf } from "../../state/marginEffects";
import { overlapOf } from "../../state/overlap";
import { alongRow, parseRowKey, type RowKey, subsetOfKey } from "../../state/rowKeys";
import { keyOf, rowQuery } from "../../state/rows";
import { panel } from "../../state/view";
import { Loading } from "../controls/Loading";
import { lazy } from "../controls/lazy";
import { Term } from "../controls/Term";
import { axisOver } from "./axis";
import { type Bar, Bars } from "./Bars";
import { BehindErrors } from "./BehindErrors";
import { Facts } from "./Facts";
import { Intervals, mostLines } from "./Intervals";
import { subject } from "./subject";
import { subsetColour } from "./subsetColour";
import { EstimateWords } from "./WhyNot";

const SubsetTwin = lazy("The comparison", () => import("./compareSubset"), "SubsetTwin");

/** Size, accuracy, predictions, and the neurons that distinguish the subset from the rest. */
export function SubsetBody({ load }: { load: Load<{ layer: string; row: RowQuery }, SubsetDetail> }): JSX.Element {
  const { value: detail, query } = load;
  const row = query && keyOf(query.row);
  return (
    <div class="detail-body detail-subset">
      {detail && row && <Facts row={row} detail={detail} />}
      {comparedSnapshot.value && row && <SubsetTwin key={`${row} ${query.layer}`} row={row} layer={query.layer} />}
      {detail && <Predicted detail={detail} />}
      {detail &&
        (row && alongRow(panel(query.layer).colour.value) === row ? <Moves layer={query.layer} /> : <Shared />)}
      <Loading load={load} what="The subset">
        {(loaded) => row && <Distinguishing detail={loaded} row={row} layer={query?.layer ?? ""} />}
      </Loading>
    </div>
  );
}

function Predicted({ detail }: { detail: SubsetDetail }): JSX.Element | null {
  const as = new Map<string | null, number>();
  for (const { prediction, count } of detail.confusion) as.set(prediction, (as.get(prediction) ?? 0) + count);
  if (as.size === 0) return null;
  const names = snapshot.value.value?.class_names ?? [];
  const sorted = [...as].sort((a, b) => b[1] - a[1]);
  const most = sorted[0]?.[1] ?? 1;
  return (
    <section class="detail-section detail-predicted">
      <h3>Predicted as</h3>
      <Bars
        bars={sorted.slice(0, 5).map(([name, count]) => ({
          name: name ?? labelName(-1),
          index: name === null ? -1 : names.indexOf(name),
          share: count / most,
          caption: integer(count),
        }))}
      />
    </section>
  );
}

/** How far the direction that the layer's points are coloured by moves the logit of each class, the farthest first. */
function Moves({ layer }: { layer: string }): JSX.Element | null {
  const known = conceptOfPanel(layer).value.value;
  const most = Math.abs(known?.changes[0]?.change ?? 0);
  if (!known || !most) return null;
  const names = snapshot.value.value?.class_names ?? [];
  return (
    <section class="detail-section detail-moves">
      <h3>
        Its <Term name="concept">direction</Term> moves
      </h3>
      <Bars
        bars={known.changes.slice(0, 3).map(({ class: name, change }) => ({
          name,
          index: names.indexOf(name),
          share: Math.abs(change) / most,
          caption: signed(change, 2),
        }))}
      />
      <EstimateWords estimate={known.estimate} />
    </section>
  );
}

/** The other rows of the matrices that hold some of its instances, those with the largest part of it first. */
function Shared(): JSX.Element | null {
  const [load] = useState(() =>
    overlapOf(() => {
      const item = subject.value?.item;
      return item?.kind === "subset" ? item.key : null;
    }),
  );
  const { value: overlap, query } = load.value;
  const sharing = (overlap?.rows ?? [])
    .map((one, i) => ({ ...one, row: query?.rows[i] }))
    .filter((one): one is SharedInstances & { row: RowQuery } => one.shared > 0 && one.row !== undefined)
    .sort((a, b) => b.shared - a.shared);
  if (!overlap || sharing.length === 0) return null;
  return (
    <section class="detail-section detail-shared" aria-label="Overlaps with">
      <h3>Overlaps with</h3>
      <Bars bars={sharing.slice(0, 5).map((one) => bar(one.row, one, overlap.n))} />
    </section>
  );
}

function bar(row: RowQuery, { n, shared, jaccard }: SharedInstances, own: number): Bar {
  const key = keyOf(row);
  const both = `${integer(shared)} of its ${integer(n)} kept instances are in this subset too`;
  return {
    name: nameOf(key),
    row: key,
    index: colourOf(key),
    share: shared / own,
    caption: integer(shared),
    title: `${nameOf(key)}: ${both}; Jaccard index ${fixed(jaccard)}`,
  };
}

function Distinguishing({ detail, row, layer }: { detail: SubsetDetail; row: RowKey; layer: string }): JSX.Element {
  const [asked] = useState(() => signal({ row, layer }));
  asked.value = { row, layer };
  const [effects] = useState(() =>
    effectsOf(() => {
      const parsed = parseRowKey(asked.value.row);
      return parsed && asked.value.layer ? { layer: asked.value.layer, row: rowQuery(parsed) } : null;
    }),
  );
  const known = ({ mean, std }: { mean: number | null; std: number | null }): MeanStd => ({
    mean: mean ?? NaN,
    std: std ?? NaN,
  });
  const list = detail.neurons.map(({ neuron, effect, q, own, rest }) => ({
    neuron,
    numbers: [signed(effect ?? undefined), share(q)],
    own: known(own),
    other: known(rest),
  }));
  const most = mostLines();
  const axis = axisOver(
    list.flatMap(({ own, other }) => [own, other].flatMap(({ mean, std }) => [mean - std, mean + std])),
  );
  const shared = {
    axis,
    layer,
    most: Math.min(most, list.length),
    heads: [
      <Term name="effect size">
        <i>g</i>
      </Term>,
      <Term name="false discovery">
        <i>q</i>
      </Term>,
    ],
    empty: "No neuron in this layer separates it from the rest.",
    colours: [subsetColour(row), tokens.value.text3] as [string, string],
  };
  const errors = effects.value.value?.errors;
  const isAll = subsetsByName.value.get(subsetOfKey(row) ?? "")?.kind === "all";
  return (
    <div class="detail-two">
      {isAll ? (
        <p class="detail-words">These are all instances, so there are no others to compare them with.</p>
      ) : (
        <Intervals {...shared} title={["Differs most", " from the rest"]} intervals={list.slice(0, most)} />
      )}
      {errors && errors.wrong > 0 ? (
        <BehindErrors errors={errors} row={row} layer={layer} />
      ) : (
        !isAll &&
        list.length > most && (
          <Intervals
            key="next"
            {...shared}
            title={["The next", ` ${Math.min(most, list.length - most)}`]}
            intervals={list.slice(most, 2 * most)}
          />
        )
      )}
    </div>
  );
}

/** A false discovery rate; tiny ones by their magnitude. */
function share(q: number | null): string {
  if (q === null) return "";
  return q < 0.001 ? "<.001" : q.toFixed(3).replace(/^0/, "");
}
