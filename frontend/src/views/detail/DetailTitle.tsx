/** What the drawer is about, in its title line: an instance, a neuron or a subset. */

import type { JSX } from "preact";
import type { InstanceDetail } from "../../api/types";
import { integer, percent, short } from "../../draw/format";
import { positionsText } from "../../layout/instanceMaps";
import { isHeads } from "../../state/attention";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { columns, graph, layers, rows, snapshot } from "../../state/data";
import {
  classOfRow,
  hasSeveralLabels,
  instanceName,
  labelName,
  neuronName,
  noun,
  outputLayers,
  rowName,
  subsetsByName,
} from "../../state/derived";
import { sameNeuronWords } from "../../state/neuronPairs";
import { parseRowKey, type RowKey, rowKey, subsetOfKey } from "../../state/rowKeys";
import { lazy } from "../controls/lazy";
import { ClassName, RowSwatch, Swatch } from "../controls/Swatch";

const InstanceTwinsTitle = lazy("The comparison", () => import("./compareInstance"), "InstanceTwinsTitle");

export function InstanceTitle({
  index,
  suggested,
  detail,
}: {
  index: number;
  suggested: boolean;
  detail: InstanceDetail | null;
}): JSX.Element {
  const [known, comparing] = [columns.value.value, comparedSnapshot.value !== null];
  const verdict = known?.correct[index];
  const [label, prediction] = [known?.label[index], known?.prediction[index]];
  const classes = snapshot.value.value?.task === "classification";
  const named = (name: string, value: number | undefined): JSX.Element | null =>
    value === undefined || value === -1 || Number.isNaN(value) ? null : (
      <span class="detail-pair">
        <span class="second">{name}</span> {classes ? <ClassName index={value} /> : <b>{labelName(value)}</b>}
      </span>
    );
  return (
    <>
      <h2>
        {noun.value[0]!.toUpperCase() + noun.value.slice(1)} {instanceName(index)}
      </h2>
      {hasSeveralLabels(snapshot.value.value?.task) && detail?.index === index ? (
        <span class="detail-pair cut">
          <span class="second">labels</span> <b class="cut">{detail.label || "none"}</b>{" "}
          <span class="second">predicted</span> <b class="cut">{detail.prediction || "none"}</b>
        </span>
      ) : (
        <>
          {named("label", label)}
          {!comparing && named("predicted", prediction)}
        </>
      )}
      {snapshot.value.value?.task === "ranking" && (
        <span class="detail-pair">
          <span class="second">score</span> <b>{short(known?.score[index])}</b>
        </span>
      )}
      {comparing && <InstanceTwinsTitle index={index} />}
      {!comparing && verdict === 0 && <b class="accent">wrong</b>}
      {!comparing && verdict === 1 && <span class="second">right</span>}
      {suggested && <span class="caption cut">the {verdict === 0 ? "most confident" : "largest"} error</span>}
    </>
  );
}

export function NeuronTitle({ layer, neuron }: { layer: string; neuron: number }): JSX.Element {
  const [info, type] = [layers.value.get(layer), graph.value.value?.nodes.find(({ key }) => key === layer)?.type];
  return (
    <>
      <h2>{isHeads(layer) ? `Head ${neuron}` : neuronName(layer, neuron)}</h2>
      {outputLayers.value.has(layer) && <Swatch index={neuron} />}
      <span class="caption cut">
        {[
          type,
          info && `of ${integer(info.neurons)}`,
          info && info.reducer !== "none" ? info.reducer : "",
          positionsText(info?.positions ?? []),
        ]
          .filter(Boolean)
          .join(" · ")}
      </span>
      <span class="caption cut">{sameNeuronWords(layer, neuron)}</span>
    </>
  );
}

export function SubsetTitle({ row }: { row: RowKey }): JSX.Element {
  const [subset, named] = [
    subsetsByName.value.get(subsetOfKey(row) ?? ""),
    rows.value.find((one) => rowKey(one) === row) ?? parseRowKey(row),
  ];
  const shareText =
    subset && snapshot.value.value ? ` · ${percent(subset.count / Math.max(1, snapshot.value.value.seen))}` : "";
  return (
    <>
      <h2 class="cut">
        {classOfRow(row) >= 0 ? "Class" : "Subset"} {named ? rowName(named) : ""}
      </h2>
      <RowSwatch row={row} />
      {subset && (
        <span class="caption">
          {integer(subset.count)} instances{shareText}
        </span>
      )}
    </>
  );
}
