/** Pane B: the panel of one layer, with its matrix and its projection. */

import type { JSX } from "preact";
import { layerFacts, layerWarnings } from "../draw/matrixText";
import { spreadRow } from "../state/actions";
import { loadCode } from "../state/code";
import { comparedSnapshot, currentSnapshot, steps } from "../state/currentSnapshot";
import { graph, isLayerCompared, layers, rows, snapshot } from "../state/data";
import { letters } from "../state/derived";
import { failureOf } from "../state/loads";
import { compareMatrixOf } from "../state/matrices";
import { mayDiffer, pairingWords, pairsOf } from "../state/neuronPairs";
import { isInstanceKey, type RowKey, rowKey } from "../state/rowKeys";
import { compareMode, pairing, panel, selection } from "../state/view";
import { IconButton } from "./controls/Icon";
import { LayerName } from "./controls/LayerName";
import { Failure } from "./controls/Loading";
import { lazy } from "./controls/lazy";
import type { Option } from "./controls/Menu";
import { SaveButton } from "./controls/SaveButton";
import { LayerAbout } from "./matrix/LayerAbout";
import { Legend } from "./matrix/Legend";
import { Matrix } from "./matrix/Matrix";
import { modelOf } from "./matrix/matrixStage";
import { Projection } from "./projection/Projection";

const Twins = lazy("The projections", () => import("./projection/Twins"), "Twins");

/**
 * Header and matrix on the left; the projection, with its own header, on the right, or below if the window is narrow. In
 * a comparison the projections of both snapshots are above the matrix.
 */
export function LayerPanel({ layer }: { layer: string }): JSX.Element {
  const info = layers.value.get(layer);
  const shown = snapshot.value.value;
  const over = panel(layer).over.value;
  const type = graph.value.value?.nodes.find(({ key }) => key === layer)?.type;
  const comparing = comparedSnapshot.value !== null;
  const title = (
    <h3 class="matrix-title">
      <LayerName layer={layer} />
    </h3>
  );
  return (
    <section
      class={`layer-panel${comparing ? " comparing" : ""}${over === null ? "" : " spread"}`}
      aria-label={`Layer ${layer}`}
    >
      {comparing && <Twins layer={layer} title={title} />}
      <div class="layer-matrix">
        <header class="panel-header matrix-header">
          {!comparing && title}
          {info && shown && (
            <LayerAbout facts={[...compared(layer), ...layerFacts(info, type, shown)]} warnings={layerWarnings(info)} />
          )}
          {comparing && mayDiffer(layer) && isLayerCompared(layer) && (
            <IconButton
              icon="link"
              size={16}
              label={
                pairing.value === "auto" ? "Compare neurons of the same number" : "Pair neurons that are correlated"
              }
              pressed={pairing.value === "auto"}
              onClick={() => (pairing.value = pairing.peek() === "auto" ? "index" : "auto")}
            />
          )}
          <span class="spring" />
          <span class="matrix-save">
            <SaveButton
              label={`Save the matrix of ${layer}`}
              failure="The matrix could not be saved."
              options={() => saveOptions(layer)}
            />
          </span>
          {steps.value.length > 1 && (
            <IconButton
              icon="timeline"
              size={16}
              label={over === null ? "Spread a row over the steps" : "Close the row over the steps"}
              pressed={over !== null}
              onClick={() => spreadRow(over === null ? suggestedRow() : null, [layer])}
            />
          )}
          <Legend layer={layer} />
        </header>
        {info?.problem ? (
          <Failure what={`${layer} cannot be shown.`} message={info.problem} />
        ) : (
          <Matrix layer={layer} />
        )}
      </div>
      {!comparing && <Projection layer={layer} />}
    </section>
  );
}

/** The row to spread over the steps first: the one in the drawer, else A, else the first subset. */
function suggestedRow(): RowKey | null {
  const chosen = selection.peek();
  const keys = rows.peek().map(rowKey);
  const own = chosen?.kind === "subset" ? chosen.key : letters.peek().a;
  return keys.find((key) => key === own) ?? keys.find((key) => !isInstanceKey(key)) ?? keys[0] ?? null;
}

/** Options of the save menu. */
function saveOptions(layer: string): Option<() => Promise<void>>[] {
  const model = modelOf(layer).peek();
  const disabled = model === null;
  const save = async (kind: "png" | "svg" | "csv"): Promise<void> => {
    const { saveMatrix } = await loadCode(() => import("./matrix/saveMatrix"));
    if (model) await saveMatrix(kind, layer, model);
  };
  return [
    { value: () => save("png"), label: "PNG", detail: "the matrix as a picture", disabled },
    { value: () => save("svg"), label: "SVG", detail: "the matrix as shapes", disabled },
    { value: () => save("csv"), label: "CSV", detail: "a line per neuron", disabled },
  ];
}

/** What is compared with what, in words. */
function compared(layer: string): string[] {
  const other = comparedSnapshot.value;
  const shownRef = currentSnapshot.value;
  if (!other || !shownRef) return [];
  const name = other.run === shownRef.run ? `step ${other.step}` : other.run;
  if (isLayerCompared(layer) === false) return [`${name} has no layer ${layer}`];
  const load = compareMatrixOf(layer).value;
  const failure = failureOf(load);
  if (failure) return [`${name} could not be read: ${failure.message}`];
  const model = modelOf(layer).value;
  if (!load.value || model?.matrix.quantized || pairsOf(layer) === undefined) return [`${name} is loading`];
  const paired = pairingWords(layer);
  return [
    !model?.other
      ? `${name} has a different number of neurons here`
      : compareMode.value === "both"
        ? `lower half: ${name}`
        : `minus ${name}`,
    ...(paired && model?.other ? [paired] : []),
  ];
}
