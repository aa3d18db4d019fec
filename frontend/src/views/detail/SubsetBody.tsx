import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Matrix, RowQuery } from "../../api/types";
import { classColour } from "../../draw/classes";
import { integer, percent, signed } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { labelName, subsetsByName } from "../../state/chosen";
import { colourOf } from "../../state/colours";
import { columns, differenceOf, snapshot } from "../../state/data";
import { membersOf } from "../../state/members";
import { type RowKey, rowOfKey, rowQuery } from "../../state/rows";
import { Loading } from "../controls/Loading";
import { Swatch } from "../controls/Swatch";
import { axisOver } from "./axis";
import { Intervals } from "./Intervals";

/** A subset: how many, how well predicted, as what, and the neurons on which it differs most from the rest. */
export function SubsetBody({ row, layer }: { row: RowKey; layer: string }): JSX.Element {
  const [difference] = useState(() => new Map<string, ReturnType<typeof differenceOf>>());
  const key = `${row} ${layer}`;
  let load = difference.get(key);
  if (!load) difference.set(key, (load = differenceOf(() => queryOf(row, layer))));
  const query = queryOf(row, layer);
  return (
    <div class="detail-body detail-subset">
      <Facts row={row} />
      <Predicted row={row} />
      {query ? (
        <Loading load={load.value} what="The difference from the rest">
          {(matrix) => <Distinguishing matrix={matrix} row={row} layer={load.value.query?.layer ?? layer} />}
        </Loading>
      ) : (
        <p class="detail-words">These are all instances: there is no rest to tell them from.</p>
      )}
    </div>
  );
}

function queryOf(key: RowKey, layer: string): { layer: string; a: RowQuery; b: RowQuery } | null {
  const row = rowOfKey(key);
  if (!row || row.kind === "instance") return null;
  const known = row.kind === "subset" ? subsetsByName.value.get(row.name) : undefined;
  const expression = row.kind === "expression" ? row.expression : known?.expression;
  if (!expression || known?.kind === "all") return null;
  return { layer, a: rowQuery(row), b: { expression: `not (${expression})` } };
}

/** What is known without asking: over the instances kept. */
function tally(key: RowKey): { kept: number; right: number; judged: number; loss: number; as: [number, number][] } | null {
  const [members, known] = [membersOf(key), columns.value.value];
  if (!members || !known) return null;
  const as = new Map<number, number>();
  let [kept, right, judged, loss] = [0, 0, 0, 0];
  members.forEach((inside, row) => {
    if (!inside) return;
    kept++;
    const verdict = known.correct[row];
    if (verdict !== 255) judged++;
    if (verdict === 1) right++;
    if (Number.isFinite(known.loss[row])) loss += known.loss[row] ?? 0;
    const prediction = known.prediction[row] ?? -1;
    as.set(prediction, (as.get(prediction) ?? 0) + 1);
  });
  return { kept, right, judged, loss, as: [...as].sort((a, b) => b[1] - a[1]) };
}

function Facts({ row }: { row: RowKey }): JSX.Element {
  const [known, shown] = [tally(row), snapshot.value.value];
  const subset = subsetsByName.value.get(row.slice(2));
  const expression = row.startsWith("e:") ? row.slice(2) : subset?.expression;
  return (
    <section class="detail-section">
      <h3>Facts</h3>
      <dl class="detail-facts">
        {subset && <><dt>instances</dt><dd>{integer(subset.count)} <span class="second">of {integer(shown?.seen)} seen</span></dd></>}
        {known && <><dt>kept</dt><dd>{integer(known.kept)} <span class="second">of {integer(shown?.kept)}</span></dd></>}
        {known && known.judged > 0 && <><dt>accuracy</dt><dd>{percent(known.right / known.judged)} <span class="second">of those kept</span></dd></>}
        {known && known.kept > 0 && known.loss > 0 && <><dt>mean loss</dt><dd>{(known.loss / known.kept).toPrecision(3)}</dd></>}
        {expression && <><dt>is</dt><dd><code>{expression}</code></dd></>}
      </dl>
    </section>
  );
}

function Predicted({ row }: { row: RowKey }): JSX.Element | null {
  const known = tally(row);
  if (!known || known.kept === 0 || snapshot.value.value?.task !== "classification") return null;
  const most = known.as[0]?.[1] ?? 1;
  return (
    <section class="detail-section">
      <h3>Predicted as</h3>
      <ul class="detail-scores">
        {known.as.slice(0, 5).map(([index, count]) => (
          <li key={index}>
            <Swatch index={index} />
            <span class="cut">{labelName(index)}</span>
            <span class="detail-score">
              <span style={{ width: `${Math.max(1.5, (count / most) * 76)}px`, background: classColour(index) }} />
              <span class="second">{integer(count)}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A subset by its colour, or by that of the text where it has none; the rest is grey. */
export function subsetColour(row: RowKey): string {
  const index = colourOf(row);
  return index < 0 ? tokens.value.text : classColour(index);
}

const MOST = 6;

function Distinguishing({ matrix, row, layer }: { matrix: Matrix; row: RowKey; layer: string }): JSX.Element {
  const { effect, mean, std, neurons } = matrix;
  const strength = (neuron: number): number => Math.abs(effect?.[neuron] ?? 0);
  const chosen = Array.from({ length: neurons }, (_, i) => i).filter((i) => Number.isFinite(effect?.[i] ?? Number.NaN) && strength(i) > 0)
    .sort((a, b) => strength(b) - strength(a)).slice(0, 2 * MOST);
  const axis = axisOver(chosen.flatMap((i) => [i, neurons + i].flatMap((at) => [(mean[at] ?? 0) - (std[at] ?? 0), (mean[at] ?? 0) + (std[at] ?? 0)])));
  const list = chosen.map((neuron) => ({
    neuron, numbers: [signed(effect?.[neuron])],
    own: { mean: mean[neuron] ?? NaN, std: std[neuron] ?? NaN }, other: { mean: mean[neurons + neuron] ?? NaN, std: std[neurons + neuron] ?? NaN },
  }));
  const shared = {
    axis, layer, most: Math.min(MOST, list.length), heads: [<i>d</i>], empty: "No neuron of this layer tells it from the rest.",
    colours: [subsetColour(row), tokens.value.text3] as [string, string],
  };
  return (
    <div class="detail-two">
      <Intervals {...shared} title="Differs most from the rest" intervals={list.slice(0, MOST)} />
      {list.length > MOST && <Intervals {...shared} title="and next" intervals={list.slice(MOST)} />}
    </div>
  );
}
