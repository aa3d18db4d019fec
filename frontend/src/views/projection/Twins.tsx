/** The projections of one layer in two snapshots, side by side. */

import { computed, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { integer, percent, short } from "../../draw/format";
import { placesInOrder } from "../../layout/pairing";
import type { Bounds } from "../../layout/projection";
import { closeLayer } from "../../state/actions";
import {
  comparedInstances,
  comparedLayer,
  comparedProjectionOf,
  comparedValues,
  isRowThere,
  pairs,
  sideNames,
  sideSteps,
} from "../../state/compared";
import { comparedSnapshot, currentSnapshot } from "../../state/currentSnapshot";
import { columns, comparedInfo } from "../../state/data";
import { nameOf, noun } from "../../state/derived";
import { picked } from "../../state/members";
import { alongRow } from "../../state/rowKeys";
import { type ColourBy, panel } from "../../state/view";
import { BothLine } from "../controls/BothLine";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { MiddleCut } from "../controls/MiddleCut";
import { PickedBar } from "../controls/PickedBar";
import { type Colouring, colouringBy } from "./colouring";
import { Legend } from "./Legend";
import { Method } from "./Method";
import { Plot } from "./Plot";
import { Colour } from "./Projection";
import { makePlotState, type PlotState } from "./plotState";
import "../../lib/laterStyles";

/** Both plots of a layer: one order of the instances, one colouring, one zoom, and the same axes. */
function makeTwins(layer: string): [PlotState, PlotState] {
  const { colour } = panel(layer);
  const colourings = computed(() => {
    const both = pairs.value;
    const valuesThere = (by: ColourBy): Float32Array | null | undefined => {
      const values = comparedValues(by, layer);
      return values && both && Float32Array.from(both.indexOf, (index) => (index < 0 ? NaN : (values[index] ?? NaN)));
    };
    return onOneScale(
      colouringBy(colour.value, layer),
      both && colouringBy(colour.value, layer, both.columns, valuesThere),
    );
  });
  const answer = computed(() => {
    const [load, both] = [comparedProjectionOf(layer).value, pairs.value];
    const { value } = load;
    return { ...load, value: value && both ? { ...value, xy: placesInOrder(value.xy, both) } : null };
  });
  /** Layouts of two methods have nothing in common. */
  const isAlike = computed(() => first.answer.value.value?.method === second.answer.value.value?.method);
  const beside = (plot: () => PlotState) => (): Bounds | null => (isAlike.value ? plot().bounds.value : null);
  const first: PlotState = makePlotState(layer, {
    colouring: () => colourings.value[0],
    beside: beside(() => second),
  });
  const second: PlotState = makePlotState(layer, {
    answer,
    colouring: () => colourings.value[1],
    hidden: first.hidden,
    beside: beside(() => first),
  });
  return [first, second];
}

/** Numbers of both have one scale. */
function onOneScale(first: Colouring | null, second: Colouring | null): [Colouring | null, Colouring | null] {
  if (first?.kind !== "numbers" || second?.kind !== "numbers" || first.since !== null) return [first, second];
  const [low, high] = [Math.min(first.low, second.low), Math.max(first.high, second.high)];
  const scale = low < 0 ? { low: Math.min(low, -high), high: Math.max(high, -low) } : { low, high };
  return [
    { ...first, ...scale },
    { ...second, ...scale },
  ];
}

/** The layer in both snapshots, the second turned to fit the first. `title` names the layer. */
export function Twins({ layer, title }: { layer: string; title: ComponentChildren }): JSX.Element {
  const [[first, second]] = useState(() => makeTwins(layer));
  const failure = useSignal<string | null>(null);
  const [ownName, otherName] = sideNames.value;
  const [both, count] = [pairs.value?.both, columns.value.value?.count];
  return (
    <div class="layer-projection twins">
      <header class="panel-header">
        {title}
        <span class="caption cut">
          {both === undefined || count === undefined
            ? ""
            : both === count
              ? `the same ${integer(both)} instances in both`
              : `${integer(both)} of ${integer(count)} instances are in both`}
        </span>
        <span class="spring" />
        <Method layer={layer} failure={failure} />
        <Colour layer={layer} />
        <IconButton icon="close" size={14} label={`Close ${layer}`} onClick={() => closeLayer(layer)} />
      </header>
      {failure.value !== null && (
        <p class="projection-failure" role="alert">
          <span>{failure.value}</span>
          <IconButton icon="close" size={12} label="Hide the message" onClick={() => (failure.value = null)} />
        </p>
      )}
      <div class="twins-plots">
        <section class="twin" aria-label={`${layer} in ${ownName}`}>
          <TwinHead side={0} />
          <Loading load={first.answer.value} what={`The projection of ${layer}`}>
            {() => <Plot plot={first} of={ownName} tip={BothLine} />}
          </Loading>
        </section>
        <section class="twin" aria-label={`${layer} in ${otherName}`}>
          <TwinHead side={1} />
          <Other layer={layer} name={otherName} plot={second} />
        </section>
      </div>
      <div class="projection-foot">
        <Legend plot={first} />
        {picked.value?.layer === layer && <PickedBar />}
      </div>
    </div>
  );
}

/** The second plot, or why there is none. */
function Other({ layer, name, plot }: { layer: string; name: string; plot: PlotState }): JSX.Element {
  const failed = [comparedInfo.value, comparedInstances.value].find(({ status }) => status === "failed");
  if (failed)
    return (
      <Loading load={{ ...failed, value: null }} what={name}>
        {() => null}
      </Loading>
    );
  if (comparedInfo.value.status === "ready" && !comparedLayer(layer))
    return <p class="twin-none">{`${name} has no layer ${layer}.`}</p>;
  const along = alongRow(panel(layer).method.value);
  if (along && comparedInfo.value.status === "ready" && !isRowThere(along))
    return <p class="twin-none">{`${name} has no ${nameOf(along)}, along which to project.`}</p>;
  if (pairs.value?.both === 0)
    return <p class="twin-none">{`${name} kept none of these instances: the two have no id in common.`}</p>;
  return (
    <Loading load={plot.answer.value} what={`The projection of ${layer} in ${name}`}>
      {() => <Plot plot={plot} of={name} tip={BothLine} />}
    </Loading>
  );
}

/** Run, step, accuracy and loss, which are of all instances seen. */
function TwinHead({ side }: { side: 0 | 1 }): JSX.Element {
  const [place, info] = [[currentSnapshot.value, comparedSnapshot.value][side], sideSteps.value[side]];
  return (
    <header class="twin-head">
      <b class="twin-name">
        <MiddleCut name={place?.run ?? ""} />
      </b>
      <span class="second">step {integer(place?.step)}</span>
      <span class="spring" />
      <span class="second" title={`Over all ${noun.value}s seen`}>
        {info?.accuracy != null && (
          <>
            accuracy <b>{percent(info.accuracy)}</b>
          </>
        )}
        {info?.accuracy != null && info.loss != null && " · "}
        {info?.loss != null && (
          <>
            loss <b>{short(info.loss)}</b>
          </>
        )}
      </span>
    </header>
  );
}
