/** What a finding rests on: its figures over the steps or by layer, the classes in it, its neurons and instances. */

import type { JSX } from "preact";
import type { Evidence as Figures } from "../../api/types";
import type { Listed } from "../../draw/findingWords";
import { arrow, count, fixed, integer, percent } from "../../draw/format";
import { selectNeuron } from "../../state/actions";
import { pairs } from "../../state/compared";
import { columns, layers, rows, snapshot, whereOf } from "../../state/data";
import { classOfNeuron, labelName, shortOf } from "../../state/derived";
import { addFindingRows, rowsOf } from "../../state/findingActions";
import { type Entry, evidence, foundColumns, foundPlace, shownEntry } from "../../state/foundFindings";
import { hovering } from "../../state/hover";
import { rowKey } from "../../state/rowKeys";
import { LayerName } from "../controls/LayerName";
import { Loading } from "../controls/Loading";
import { Term } from "../controls/Term";
import { type Tile, Tiles } from "../detail/Tiles";
import { ClassCounts } from "./ClassCounts";
import { EvidenceChart } from "./EvidenceChart";

/** Instances and neurons that are shown at once. */
const [MOST_TILES, MOST_NEURONS] = [24, 60];

/** The right half of the list of findings. */
export function Evidence(): JSX.Element | null {
  const entry = shownEntry.value;
  if (!entry) return null;
  const { finding } = entry;
  const { kind, neurons, instances, sentence } = finding;
  const figures = kind === "confusion" ? null : evidence.value;
  const has = figures?.value && figures.value.lines.length > 0;
  return (
    <section class="finding-evidence" aria-label="Evidence">
      <Head entry={entry} />
      <div class="finding-body" tabIndex={0} role="group" aria-label="What it rests on">
        {figures && (has || figures.status !== "ready") && (
          <Loading load={figures} what="The evidence">
            {(known) =>
              known.layers.length > 0 ? <ByLayer known={known} /> : <OverSteps known={known} finding={finding} />
            }
          </Loading>
        )}
        <ClassCounts entry={entry} />
        {neurons.length > 0 && finding.layer !== null && <Neurons layer={finding.layer} neurons={neurons} />}
        {instances.length > 0 && kind !== "failing-slice" && kind !== "shortcut" && <Instances entry={entry} />}
        <p class="finding-sentence second">{sentence}</p>
      </div>
    </section>
  );
}

/** What it is about, how much that is, and the rows that show it. */
function Head({ entry }: { entry: Entry }): JSX.Element {
  const { finding } = entry;
  const made = rowsOf(entry);
  const known = new Set(rows.value.map(rowKey));
  const added = made !== null && [made.a, made.b].every((row) => row === null || known.has(rowKey(row)));
  return (
    <header class="finding-evidence-head">
      <b class="cut">{subject(entry, made?.a)}</b>
      <span class="caption cut">{amount(finding)}</span>
      <span class="spring" />
      {made && (
        <button type="button" class="button" disabled={added} onClick={() => addFindingRows(entry)}>
          {added ? "Added" : made.b ? "Add as rows" : "Add as row"}
        </button>
      )}
    </header>
  );
}

function subject({ finding }: Entry, row: { kind: string; name?: string; expression?: string } | undefined): string {
  if (finding.kind === "confusion")
    return arrow(...(finding.title.split(" is taken for ").map(shortOf) as [string, string]));
  if (finding.kind === "decodable" && finding.target !== null) return finding.target;
  return row?.name ?? finding.layer ?? row?.expression ?? finding.title;
}

/** "n 99, 11% of 899" */
function amount({ subset, kind, instances, neurons }: Listed): string {
  const size = snapshot.value.value?.sample_size;
  const n = subset !== null && kind !== "error-region" ? whereOf(subset).value.value?.count : instances.length;
  if (neurons.length > 0) return count(neurons.length, "neuron");
  return n && size ? `n ${integer(n)}, ${percent(n / size, n / size < 0.095 ? 1 : 0)} of ${integer(size)}` : "";
}

const NAMES: Record<string, (value: number) => string> = {
  wrong: (value) => `${integer(value)} wrong`,
  expected: (value) => `${fixed(value, 1)} expected`,
  dead: (value) => `${integer(value)} dead`,
  distance: (value) => `1 − CKA ${fixed(value)}`,
  size: (value) => `RMS ${fixed(value, value < 10 ? 2 : 0)}`,
  share: (value) => `${percent(value)} of variance`,
  auc: (value) => `AUC ${fixed(value)}`,
};

function OverSteps({ known, finding }: { known: Figures; finding: Listed }): JSX.Element {
  const lines = known.lines.map(({ name, values }) => ({
    name,
    values: values.map((value) => value ?? NaN),
    label: (value: number): string =>
      finding.kind === "shortcut" && name === "wrong"
        ? `${integer(value)} taken for it`
        : (NAMES[name]?.(value) ?? `${name} ${fixed(value)}`),
  }));
  if (known.steps.length < 2) return <p class="second">There is only one step.</p>;
  return (
    <EvidenceChart steps={known.steps} lines={lines} first={finding.step} shown={foundPlace.value?.step ?? null} />
  );
}

/** How well each layer knows a column: a bar, and a mark where shuffled values are. */
function ByLayer({ known }: { known: Figures }): JSX.Element {
  const of = (name: string): readonly (number | null)[] => known.lines.find((line) => line.name === name)?.values ?? [];
  const [accuracy, shuffled] = [of("accuracy"), of("shuffled")];
  return (
    <table class="finding-layers">
      <colgroup>
        <col />
        <col />
        <col />
        <col />
      </colgroup>
      <thead>
        <tr class="caption">
          <th>layer</th>
          <th colSpan={2}>balanced accuracy</th>
          <th class="number">
            <Term name="p-value">shuffled</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {known.layers.map((layer, i) => (
          <tr key={layer} {...hovering({ layer })}>
            <th class="cut">
              <LayerName layer={layer} />
            </th>
            <td>
              <span class="finding-bar" aria-hidden="true">
                <span style={{ width: `${100 * (accuracy[i] ?? 0)}%` }} />
                <i style={{ left: `${100 * (shuffled[i] ?? 0)}%` }} />
              </span>
            </td>
            <td class="number">{fixed(accuracy[i])}</td>
            <td class="number second">{fixed(shuffled[i])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Neurons by number, or by the class of an output; a click shows one in the drawer. */
function Neurons({ layer, neurons }: { layer: string; neurons: readonly number[] }): JSX.Element {
  const exists = layers.value.has(layer);
  return (
    <p class="finding-neurons">
      {neurons.slice(0, MOST_NEURONS).map((neuron) => (
        <button
          key={neuron}
          type="button"
          class="headline-link"
          disabled={!exists}
          onClick={() => selectNeuron(layer, neuron)}
          {...hovering({ layer, neuron })}
        >
          {classOfNeuron(layer, neuron) ?? (
            <>
              <span class="third">n</span>
              {neuron}
            </>
          )}
        </button>
      ))}
      {neurons.length > MOST_NEURONS && <span class="second">and {integer(neurons.length - MOST_NEURONS)} more</span>}
    </p>
  );
}

/** Its instances, those to look at first in front, with label and prediction. */
function Instances({ entry }: { entry: Entry }): JSX.Element | null {
  const [known, shown] = [columns.value.value, snapshot.value.value];
  const ids = foundColumns.value.value?.ids;
  if (!known || !shown) return null;
  const { instances } = entry.finding;
  // In the order of the snapshot that is shown, which may be another than the one they were found in.
  const there =
    entry.side === "new" ? new Map(pairs.value ? Array.from(pairs.value.indexOf, (to, at) => [to, at]) : []) : null;
  const here = (index: number): number => {
    if (there) return there.get(index) ?? -1;
    return ids && ids[index] !== known.ids[index] ? known.ids.indexOf(ids[index]!) : index;
  };
  const tiles = instances
    .slice(0, MOST_TILES)
    .map(here)
    .filter((index) => index >= 0)
    .map((index): Tile => {
      const [label, prediction] = [known.label[index], known.prediction[index]];
      const named = (value: number | undefined): string | null =>
        value === undefined || value < 0 || Number.isNaN(value) ? null : labelName(value);
      const score = known.score[index];
      return {
        index,
        label: named(label),
        prediction: named(prediction),
        caption: Number.isFinite(score) ? fixed(score) : "",
        what: "score ",
      };
    });
  return (
    <>
      <Tiles tiles={tiles} none="The step that is shown did not keep these instances." />
      {instances.length > MOST_TILES && <p class="second">and {integer(instances.length - MOST_TILES)} more</p>}
    </>
  );
}
