/** Pane D: the drawer with the detail of an instance, a neuron or a subset. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { SnapshotRef } from "../../api/source";
import { classColour } from "../../draw/classes";
import { tokens } from "../../draw/theme";
import { chooseDetailLayer, select } from "../../state/actions";
import { loadCode } from "../../state/code";
import { comparedSnapshot, currentSnapshot } from "../../state/currentSnapshot";
import { instanceOf, layers, neuronOf, snapshot, subsetOf } from "../../state/data";
import { detailLayer, instanceName, layerTitle, nameOf, neuronName, openLayers } from "../../state/derived";
import { drawnHistory } from "../../state/histories";
import { isSaidAbove, type Load } from "../../state/loads";
import { storedPanes, tallDetail, togglePane } from "../../state/panes";
import { parseRowKey } from "../../state/rowKeys";
import { keyOf, rowQuery } from "../../state/rows";
import { detailPinned, neuronFace } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { LayerName } from "../controls/LayerName";
import { Loading } from "../controls/Loading";
import { lazy } from "../controls/lazy";
import type { Option } from "../controls/Menu";
import { Name } from "../controls/Name";
import { SaveButton } from "../controls/SaveButton";
import { Select } from "../controls/Select";
import { InstanceTitle, NeuronTitle, SubsetTitle } from "./DetailTitle";
import "../../lib/laterStyles";
import { head } from "./headFace";
import { InstanceBody } from "./InstanceBody";
import { Diamond } from "./Intervals";
import { NeuronBody } from "./NeuronBody";
import { NeuronFaces } from "./NeuronFaces";
import { hasFaces } from "./neuronFace";
import { SubsetBody } from "./SubsetBody";
import { close, openWithSubject, subject, togglePin } from "./subject";
import { subsetColour } from "./subsetColour";
import { classIndex } from "./WhyNot";

const InstanceTwins = lazy("The comparison", () => import("./compareInstance"), "InstanceTwins");

/** Title line (the only part when collapsed) and detail of the subject. */
export function DetailView(): JSX.Element {
  const [instance] = useState(() =>
    instanceOf(() => {
      const what = subject.value?.item;
      return what?.kind === "instance" && detailLayer.value && isThere(what.index)
        ? { layer: detailLayer.value, index: what.index }
        : null;
    }),
  );
  const [neuron] = useState(() =>
    neuronOf(() => {
      const what = subject.value?.item;
      return what?.kind === "neuron" && layers.value.has(what.layer)
        ? { layer: what.layer, neuron: what.neuron }
        : null;
    }),
  );
  const [subset] = useState(() =>
    subsetOf(() => {
      const what = subject.value?.item;
      const row = what?.kind === "subset" ? parseRowKey(what.key) : null;
      return row && row.kind !== "instance" && detailLayer.value
        ? { layer: detailLayer.value, row: rowQuery(row) }
        : null;
    }),
  );
  useEffect(openWithSubject, []);
  const tall = head.value !== null && neuronFace.value === "where";
  useEffect(() => {
    tallDetail.value = tall;
  }, [tall]);
  const now = subject.value;
  const what = now?.item;
  const closed = storedPanes.value.closed.detail;
  const comparing = comparedSnapshot.value !== null;
  const contrast =
    what?.kind === "instance" && !closed && !comparing && instance.value.status !== "failed"
      ? instance.value.value?.contrast
      : null;
  return (
    <>
      <header class="panel-header detail-header">
        {!now || !what ? (
          <>
            <h2>Detail</h2>
            <span class="caption">of whatever you click</span>
          </>
        ) : what.kind === "instance" ? (
          <InstanceTitle index={what.index} suggested={now.suggested} detail={instance.value.value} />
        ) : what.kind === "neuron" ? (
          <NeuronTitle layer={what.layer} neuron={what.neuron} />
        ) : (
          <SubsetTitle row={what.key} />
        )}
        <span class="spring" />
        {contrast && what?.kind === "instance" && (
          <Legend own={contrast.own} predicted={contrast.predicted} index={what.index} />
        )}
        {what?.kind === "subset" && !closed && (
          <span class="detail-legend caption">
            <Band colour={subsetColour(what.key)}>this subset</Band>
            <Band colour={tokens.value.text3}>the rest, mean ± sd</Band>
          </span>
        )}
        {what?.kind === "neuron" && !closed && hasFaces.value && <NeuronFaces />}
        {what && !closed && <LayerChoice layer={what.kind === "neuron" ? what.layer : detailLayer.value} />}
        {what && !closed && (
          <SaveButton
            label="Save the detail"
            failure="The detail could not be saved."
            options={() =>
              saveOptions(
                what.kind === "neuron"
                  ? withSteps(neuron.peek().value)
                  : (what.kind === "instance" ? instance : subset).peek().value,
              )
            }
          />
        )}
        {what && (
          <IconButton
            icon="pin"
            label={detailPinned.value ? "Unpin: the drawer follows what you click" : "Pin: keep this in the drawer"}
            pressed={detailPinned.value}
            onClick={togglePin}
          />
        )}
        {closed ? (
          <IconButton icon="expandLess" label="Open the drawer" onClick={() => togglePane("detail", false)} />
        ) : (
          <IconButton icon={what ? "close" : "expandMore"} label="Close the drawer" onClick={close} />
        )}
      </header>
      {!closed &&
        (snapshot.value.status === "failed" && !snapshot.value.value ? (
          <p class="hint">The detail needs the snapshot, which could not be read.</p>
        ) : !what ? (
          <p class="hint">
            Click an instance anywhere, a column of a matrix, or “Show in detail” in the menu of a row.
          </p>
        ) : what.kind === "instance" && !isThere(what.index) ? (
          <p class="hint">There is no such instance in this snapshot.</p>
        ) : what.kind === "instance" ? (
          <Loading
            load={current(instance.value, (query) => query.index === what.index && query.layer === detailLayer.value)}
            what={`Instance ${instanceName(what.index)}`}
          >
            {(detail) => {
              const layer = instance.value.query?.layer ?? "";
              return comparing ? (
                <InstanceTwins key={`${detail.index} ${layer}`} detail={detail} layer={layer} />
              ) : (
                <InstanceBody detail={detail} layer={layer} />
              );
            }}
          </Loading>
        ) : what.kind === "neuron" ? (
          layers.value.size > 0 && !layers.value.has(what.layer) ? (
            <p class="hint">{what.layer} is not recorded at this step.</p>
          ) : (
            <Loading
              load={current(neuron.value, (query) => query.neuron === what.neuron && query.layer === what.layer)}
              what={`${neuronName(what.layer, what.neuron)} of ${what.layer}`}
            >
              {(detail) => {
                const { query } = neuron.value;
                return <NeuronBody detail={detail} layer={query?.layer ?? what.layer} rowQueries={query?.rows ?? []} />;
              }}
            </Loading>
          )
        ) : (
          <SubsetBody
            load={current(subset.value, (query) => keyOf(query.row) === what.key && query.layer === detailLayer.value)}
          />
        ))}
    </>
  );
}

const isThere = (index: number): boolean => {
  const shown = snapshot.value.value;
  return !shown || index < shown.sample_size + shown.pinned;
};

/** A neuron with its rows over the steps, a line per step. */
function withSteps(detail: object | null): object | null {
  const drawn = drawnHistory.peek();
  if (!detail || !drawn) return detail;
  const { history, query } = drawn;
  // Keys that are numbers would come before the step.
  const names = query.rows.map((one) => `${history.statistic} ${nameOf(keyOf(one))}`);
  const lines = history.steps.map(({ step }, i) => ({
    step,
    ...Object.fromEntries(
      names.map((name, row) => {
        const value = history.values[i * names.length + row] ?? NaN;
        return [name, Number.isFinite(value) ? value : null];
      }),
    ),
  }));
  return { ...detail, steps: lines };
}

function saveOptions(detail: object | null): Option<() => Promise<void>>[] {
  const save = async (kind: "png" | "csv"): Promise<void> => {
    const { saveDetail } = await loadCode(() => import("./saveDetail"));
    await saveDetail(kind, `detail-step-${currentSnapshot.peek()?.step}`, detail);
  };
  return [
    {
      value: () => save("png"),
      label: "PNG",
      detail: "the drawer as a picture",
    },
    {
      value: () => save("csv"),
      label: "CSV",
      detail: "its numbers",
      disabled: !detail,
    },
  ];
}

/**
 * An older answer of the same run stays while the next one loads; where that fails, only if it is of the same subject and the server is
 * gone, as everything else that was read earlier.
 */
const current = <Q extends SnapshotRef, T>(load: Load<Q, T>, isOfSubject: (query: Q) => boolean): Load<Q, T> =>
  load.query?.run === snapshot.value.query?.run &&
  (load.status !== "failed" || (isSaidAbove(load.error) && load.query && isOfSubject(load.query)))
    ? load
    : { ...load, value: null };

/** Legend of the two charts: the instance's diamond, mean ± sd of the two classes. */
function Legend({ own, predicted, index }: { own: string; predicted: string; index: number }): JSX.Element {
  return (
    <span class="detail-legend caption">
      <svg width={9} height={12} aria-hidden="true">
        <Diamond x={4.5} y={6} />
      </svg>{" "}
      {instanceName(index)}
      <Band colour={classColour(classIndex(own))}>
        <Name name={own} />
      </Band>
      <Band colour={classColour(classIndex(predicted))}>
        <Name name={predicted} />, mean ± sd
      </Band>
    </span>
  );
}

function Band({ colour, children }: { colour: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <svg width={22} height={8} aria-hidden="true">
        <rect x={0} y={2.25} width={22} height={3.5} rx={1.75} fill={colour} opacity={0.5} />
        <rect x={10} y={1} width={2} height={6} fill={colour} />
      </svg>
      <span class="cut">{children}</span>
    </>
  );
}

function LayerChoice({ layer }: { layer: string | null }): JSX.Element | null {
  const [what, open] = [subject.value?.item, openLayers.value];
  if (!layer) return null;
  const choose = (next: string): void => {
    chooseDetailLayer(next);
    // A neuron belongs to a layer: in another layer, use the same number if it exists.
    const info = layers.peek().get(next);
    if (what?.kind === "neuron" && info)
      select({ kind: "neuron", layer: next, neuron: Math.min(what.neuron, info.neurons - 1) });
  };
  const options = [...new Set([...open, ...layers.value.keys()])].map((name) => ({
    value: name,
    label: layerTitle(name),
    content: <LayerName layer={name} />,
  }));
  return (
    <span class="detail-layer">
      <span class="second">in layer</span>
      <Select label="Layer of the detail" value={layer} options={options} onChoose={choose} plain>
        <b class="cut">
          <LayerName layer={layer} />
        </b>
      </Select>
    </span>
  );
}
