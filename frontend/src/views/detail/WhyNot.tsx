/** Why an instance was taken for another class: neurons by their effect on its margin, and what they do together. */

import type { JSX } from "preact";
import type { ClassContrast, ContrastNeuron, Estimate } from "../../api/types";
import { classColour } from "../../draw/classes";
import { fixed, signed } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { snapshot } from "../../state/data";
import { shortOf } from "../../state/derived";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { type Axis, axisOver, place } from "./axis";
import { type Interval, Intervals, useWidth } from "./Intervals";

export const classIndex = (name: unknown): number => snapshot.value.value?.class_names.indexOf(String(name)) ?? -1;

/** The list of neurons. `title` names it where there is more than one, as when two runs are compared. */
export function ContrastNeurons({
  contrast,
  layer,
  side = "",
}: {
  contrast: ClassContrast;
  layer: string;
  side?: string;
}): JSX.Element {
  const { own, predicted, neurons, estimate } = contrast;
  const estimated = estimate.method !== "none";
  const tried = neurons.some((one) => one.tried !== null);
  const more = side ? ` · ${side}` : estimated ? ": neurons by their effect on its margin" : "";
  return (
    <Intervals
      layer={layer}
      axis={axisOf(neurons)}
      colours={[classColour(classIndex(own)), classColour(classIndex(predicted))]}
      heads={estimated ? [ESTIMATED, ...(tried ? [TRIED] : [])] : [zHead(own)]}
      title={estimated ? [`Why not ${shortOf(own)}`, more] : [`Far from ${shortOf(own)}`, more]}
      intervals={neurons.map((neuron) => interval(neuron, estimated, tried))}
      most={5}
      empty={
        estimated
          ? `No neuron of this layer would raise the margin of ${own} at its mean.`
          : `No neuron in this layer has a value that is unusual for class ${own}.`
      }
    />
  );
}

const ESTIMATED = <Term name="effect on the margin">estimated</Term>;
const TRIED = <Term name="effect on the margin">tried</Term>;

/** What the neurons do together, and how far that can be trusted. */
export function Together({ contrast: { own, together, estimate } }: { contrast: ClassContrast }): JSX.Element {
  return (
    <section class="detail-section detail-together" aria-label="Together">
      {together ? (
        <>
          <h3 title={`All ${together.count} at their mean over ${own}`}>
            <span class="cut">
              {together.count === 1 ? "That one at its mean of" : `All ${NUMBERS[together.count]} at the mean of`}{" "}
              <ClassWord name={own} />
            </span>
          </h3>
          <p class="detail-words">
            <Term name="effect on the margin">Margin</Term>{" "}
            <b>{`${signed(together.before, 2)} → ${signed(together.after, 2)}`}</b>,{" "}
            {estimate.method === "tried" ? "tried" : "estimated"}:{" "}
            {(together.after ?? 0) > 0 ? (
              "it comes right."
            ) : together.predicted === null ? (
              "it stays wrong."
            ) : (
              <>
                it stays wrong, <ClassWord name={together.predicted} />.
              </>
            )}
          </p>
          <MarginLine before={together.before ?? NaN} after={together.after ?? NaN} own={own} />
        </>
      ) : (
        <h3>{estimate.method === "none" ? "No effects" : "Together"}</h3>
      )}
      <EstimateWords estimate={estimate} />
    </section>
  );
}

const NUMBERS = ["none", "one", "two", "three", "four", "five"];

/** How effects were obtained, in a few words, all of them where it is pointed at, and a warning where they say little. */
export function EstimateWords({ estimate: { method, reliable, words, r2 } }: { estimate: Estimate }): JSX.Element {
  return (
    <span class="caption detail-estimate" title={words}>
      {method === "none" ? (
        words
      ) : method === "regression" ? (
        <>
          {reliable ? "ridge" : <b class="accent">unreliable</b>}, R² {fixed(r2, 3)}
        </>
      ) : method === "tried" ? (
        "tried in the model while logging"
      ) : (
        "gradients"
      )}
    </span>
  );
}

function ClassWord({ name }: { name: string }): JSX.Element {
  return (
    <span class="class-word">
      <Swatch index={classIndex(name)} /> <Name name={name} short={shortOf(name)} />
    </span>
  );
}

/** The margin as it is and as it would be, on an axis with zero, where the prediction changes. */
function MarginLine({ before, after, own }: { before: number; after: number; own: string }): JSX.Element | null {
  const [element, width] = useWidth();
  const axis = axisOver([before, after, 0]);
  const x = (value: number): number => place(axis, value, 6, Math.max(60, width - 6));
  if (!Number.isFinite(before) || !Number.isFinite(after)) return null;
  const { outline, text, text3 } = tokens.value;
  return (
    <div ref={element as { current: HTMLDivElement | null }} class="margin-line">
      <svg width={width} height={26} aria-hidden="true">
        <path d={`M0 8H${width}`} stroke={outline} />
        <path d={`M${x(0)} 3V13`} stroke={text3} />
        <text x={x(0)} y={24} text-anchor="middle" class="detail-tick">
          {fixed(0, 0)}
        </text>
        <path d={`M${x(before)} 8H${x(after)}`} stroke={text} stroke-width={2} />
        <circle cx={x(before)} cy={8} r={3.5} fill={text3} />
        <circle cx={x(after)} cy={8} r={4} fill={after > 0 ? classColour(classIndex(own)) : text3} />
      </svg>
    </div>
  );
}

const axisOf = (neurons: readonly ContrastNeuron[]): Axis =>
  axisOver(
    neurons.flatMap(({ value, own, predicted }) =>
      [own, ...(predicted ? [predicted] : [])].flatMap(({ mean, std }) => [value, mean - std, mean + std]),
    ),
  );

/** The heading of a column of z within a class. */
const zHead = (name: string): JSX.Element => (
  <Term name="z within a class">
    <i>z</i>
    <sub>
      {name.length > 2 ? (
        <>
          <Swatch index={classIndex(name)} />
          <span class="hidden-text">in {name}</span>
        </>
      ) : (
        name
      )}
    </sub>
  </Term>
);

function interval(one: ContrastNeuron, estimated: boolean, tried: boolean): Interval {
  const { neuron, value, own, predicted } = one;
  const number = (effect: number | null): string => (effect === null ? "–" : signed(effect, 2));
  return {
    neuron,
    value,
    own,
    other: predicted ?? { mean: NaN, std: NaN },
    ...(estimated && { bars: { estimated: one.estimated ?? NaN, tried: one.tried ?? NaN } }),
    numbers: estimated ? [number(one.estimated), ...(tried ? [number(one.tried)] : [])] : [signed(one.z_own)],
  };
}
