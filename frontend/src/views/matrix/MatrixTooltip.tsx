/** The tooltip of a matrix's cell. */

import type { ComponentChildren, JSX } from "preact";
import { fixed, short, signed } from "../../draw/format";
import { onScale } from "../../draw/matrixScale";
import { effectText, provenance, statisticText } from "../../draw/matrixText";
import { placeToX } from "../../layout/matrix";
import type { Box } from "../../layout/tooltipPlace";
import { comparedSnapshot } from "../../state/currentSnapshot";
import { snapshot } from "../../state/data";
import { classOfRow, nameOf, neuronName } from "../../state/derived";
import { partnerWords } from "../../state/neuronPairs";
import { instanceOfKey, type RowKey } from "../../state/rowKeys";
import { Tooltip } from "../controls/Tooltip";
import { drop } from "./dragRow";
import { barsOf, cellOf, type MatrixModel, nameAt, rowAt, type Stage, verdict } from "./matrixStage";

/** Value of the hovered cell and its origin; with A and B also the other row's value and the effect size. */
export function MatrixTooltip({ stage, body }: { stage: Stage; body: HTMLElement | null }): JSX.Element | null {
  const spot = stage.describedCell.value;
  const [shape, model, view] = [stage.shape.value, stage.model.value, stage.view.value];
  if (!spot || !shape || !model || !body || drop.value) return null;
  const neuron = model.matrix.order[spot.place];
  if (neuron === undefined) return null;
  const ground = body.getBoundingClientRect();
  const [from, to] = [
    Math.max(shape.left, placeToX(shape, view, spot.place)),
    Math.min(shape.right, placeToX(shape, view, spot.place + 1)),
  ];
  const at = rowAt(model, spot);
  const block = spot.block && shape[spot.block];
  const top = block ? block.top + spot.row * block.rowHeight - stage.scroll.value[spot.block!] : shape.bottom;
  const height = block ? block.rowHeight : 18;
  const anchor: Box = { left: ground.left + from, top: ground.top + top, width: to - from, height };
  const avoid: Box[] = [
    { left: anchor.left - 2, top: ground.top, width: anchor.width + 4, height: ground.height },
    // Keep the panel's header readable.
    { left: ground.left, top: ground.top - 32, width: ground.width, height: 32 },
    ...(block ? [{ left: ground.left, top: anchor.top - 1, width: ground.width, height: height + 2 }] : []),
  ];
  return (
    <Tooltip anchor={anchor} avoid={avoid}>
      <div class="second matrix-tip">
        {at < 0 ? (
          <Column model={model} neuron={neuron} name={neuronName(stage.layer, neuron)} />
        ) : (
          <Cell stage={stage} model={model} neuron={neuron} at={at} />
        )}
      </div>
    </Tooltip>
  );
}

const B = ({ children }: { children: ComponentChildren }): JSX.Element => <b class="matrix-value">{children}</b>;

const barText = ({ b }: MatrixModel, value: number): string => (b < 0 ? signed(value, 2) : effectText(value));

function Column({ model, neuron, name }: { model: MatrixModel; neuron: number; name: string }): JSX.Element {
  const d = model.matrix.effect?.[neuron];
  return (
    <>
      <B>{name}</B>
      {d !== undefined && (
        <>
          {" "}
          · {barsOf(model)} {nameAt(model, model.a)} − {nameAt(model, model.b)}: <B>{barText(model, d)}</B>
        </>
      )}
    </>
  );
}

function Cell({
  stage,
  model,
  neuron,
  at,
}: {
  stage: Stage;
  model: MatrixModel;
  neuron: number;
  at: number;
}): JSX.Element {
  const { matrix, statistic, scale, keys } = model;
  const name = neuronName(stage.layer, neuron);
  const own = cellOf(stage, model, at, neuron);
  const value = own?.value ?? NaN;
  const words = own ? (Number.isFinite(value) ? statisticText(statistic, value) : notFinite(value)) : "…";
  const key = keys[at]!;
  const { sample_size: sampleSize = 0, seen = 0 } = snapshot.value.value ?? {};
  const source = matrix.rows[at];
  const scaled =
    model.difference || !scale.factor || !Number.isFinite(value)
      ? ""
      : ` · ${scale.kind === "z" ? `z ${signed(onScale(scale, value, neuron))}` : `${fixed(onScale(scale, value, neuron))} of its range`}`;
  const instance = instanceOfKey(key);
  if (instance !== null) {
    const said = verdict(instance);
    return (
      <>
        <B>{name}</B> · <B>{nameOf(key)}</B> · <B>{words}</B>
        {scaled}
        {said && ` · ${said.text}`}
        <Other stage={stage} model={model} neuron={neuron} at={at} />
      </>
    );
  }
  const empty = matrix.n[at] === 0;
  const from = source && provenance(source, own?.deviation ?? NaN, sampleSize, seen, statistic);
  return (
    <>
      <B>{name}</B> · <RowWords name={key} /> · {statistic.label} <B>{words}</B>
      {empty ? (
        " · no instances"
      ) : (
        <>
          {statistic.name === "mean" && from?.error}
          {scaled}
          {statistic.name !== "std" && ` · sd ${own ? short(own.deviation) : "…"}`}
          {from && `${from.error || from.origin.startsWith("from") ? ", " : " · "}${from.origin}`}
        </>
      )}
      <Other stage={stage} model={model} neuron={neuron} at={at} />
    </>
  );
}

/** The second line: the other of A and B, or both, and the effect size. */
function Other({
  stage,
  model,
  neuron,
  at,
}: {
  stage: Stage;
  model: MatrixModel;
  neuron: number;
  at: number;
}): JSX.Element | null {
  const { matrix, statistic, a, b, keys, other: compared } = model;
  const margin = stage.margin.value?.effect[neuron];
  const effect = margin !== undefined && Number.isFinite(margin) && (
    <div>
      estimated effect on the margin of <RowWords name={keys[a]!} plain />
      {compared && " in the first"}: <B>{signed(margin, 2)}</B>
    </div>
  );
  if (compared) {
    const [own, its] = [matrix, compared].map(
      (one) => one.statistics[statistic.name]?.[at * matrix.neurons + neuron] ?? NaN,
    ) as [number, number];
    const place = comparedSnapshot.value;
    const partner = partnerWords(stage.layer, neuron);
    return (
      <>
        <div>
          {place?.run}, step {place?.step}:{" "}
          {compared.n[at] === 0 ? (
            "no such instances"
          ) : (
            <>
              {partner && `${partner} · `}
              {statistic.label} <B>{statisticText(statistic, its)}</B> · difference{" "}
              <B>{statistic.unit === "share" ? `${signed((own - its) * 100, 0)} points` : signed(own - its, 2)}</B>
            </>
          )}
        </div>
        {effect}
      </>
    );
  }
  if (effect) return effect;
  const d = matrix.effect?.[neuron];
  if (d === undefined || a < 0) return null;
  const others = [a, b].filter((one) => one !== at && one >= 0);
  const own = (other: number): string => {
    const its = cellOf(stage, model, other, neuron);
    return its ? statisticText(statistic, its.value) : "…";
  };
  return (
    <div>
      {others.map((other) => (
        <>
          <RowWords name={keys[other]!} plain />: {statistic.label} <B>{own(other)}</B> ·{" "}
        </>
      ))}
      {barsOf(model)} <B>{barText(model, d)}</B>
    </div>
  );
}

function RowWords({ name, plain }: { name: RowKey; plain?: boolean }): JSX.Element {
  const words = nameOf(name);
  const own = classOfRow(name) >= 0 && !words.startsWith("class ") ? "class " : "";
  return (
    <>
      {own}
      {plain ? words : <B>{words.length > 40 ? `${words.slice(0, 39)}…` : words}</B>}
    </>
  );
}

const notFinite = (value: number): string => (Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞");
