/** The detail of an instance in one layer. */

import type { JSX } from "preact";
import type { ContrastNeuron, InstanceDetail } from "../../api/types";
import { classColour } from "../../draw/classes";
import { alignedFormat, fixed, signed } from "../../draw/format";
import { hasPictures, snapshot } from "../../state/data";
import { hasSeveralLabels, shortOf } from "../../state/derived";
import { hasPositions } from "../../state/positions";
import { Swatch } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { type Axis, axisOver } from "./axis";
import { Bars } from "./Bars";
import { Content } from "./Content";
import { DepthLadder } from "./DepthLadder";
import { type Interval, Intervals, mostLines } from "./Intervals";
import { PaintedInstance } from "./PaintedInstance";
import { Tiles } from "./Tiles";

export const classIndex = (name: unknown): number => snapshot.value.value?.class_names.indexOf(String(name)) ?? -1;

/** Content, scores, nearest neighbours, and the neurons that explain a wrong prediction. */
export function InstanceBody({ detail, layer }: { detail: InstanceDetail; layer: string }): JSX.Element {
  const { index, scores, neighbours } = detail;
  const hasDepth = snapshot.value.value?.depth; // its last rung has the scores
  const columns = hasDepth ? " deep" : scores.length === 0 ? " unscored" : "";
  const located = hasPositions(layer);
  const far = alignedFormat(neighbours.map(({ distance }) => distance));
  const tiles = neighbours.map(({ distance, ...tile }) => ({ ...tile, caption: far(distance), what: "distance " }));
  return (
    <div
      class={`detail-body detail-instance${hasPictures.value ? "" : " words"}${columns}${located ? " located" : ""}`}
    >
      {located ? (
        <PaintedInstance key={index} detail={detail} layer={layer} />
      ) : (
        <section class="detail-section">
          <h3>Content</h3>
          <Content key={index} index={index} />
        </section>
      )}
      {hasDepth && <DepthLadder key={index} index={index} />}
      {!hasDepth && scores.length > 0 && (
        <section class="detail-section">
          <h3>Scores{scores.length > 5 && <span class="second"> 5 highest</span>}</h3>
          <Bars
            bars={scores.slice(0, 5).map(({ class: name, score }) => ({
              name,
              index: classIndex(name),
              share: Math.min(1, Math.abs(score ?? 0)),
              caption: score === null ? "?" : fixed(score),
            }))}
          />
        </section>
      )}
      <section class="detail-section">
        <h3>
          Nearest neighbours <span class="second">by distance</span>
        </h3>
        <Tiles tiles={tiles} none="There are none: the values are not finite, so there are no distances." />
      </section>
      <Contrast detail={detail} layer={layer} />
    </div>
  );
}

function Contrast({ detail, layer }: { detail: InstanceDetail; layer: string }): JSX.Element {
  const { contrast, correct, label } = detail;
  if (!contrast) {
    return (
      <section class="detail-section detail-why">
        <h3>Why not</h3>
        <p class="detail-words">
          {correct === true
            ? "The prediction is right. For a wrong one, this lists the neurons on which it is unlike its own class, " +
              "and those on which it is like the predicted class."
            : hasSeveralLabels(snapshot.value.value?.task)
              ? "This compares an instance's class with the predicted one; here an instance has several classes."
              : label === null || snapshot.value.value?.task !== "classification"
                ? "This compares an instance's class with the predicted one; here there are no classes to compare."
                : "Its class or the predicted one has too few instances to compare with."}
        </p>
      </section>
    );
  }
  const { own, predicted } = contrast;
  const most = mostLines();
  const [far, sides] = [contrast.far_from_own.slice(0, most), contrast.sides_with_predicted.slice(0, most)];
  const axis = axisOf([...far, ...sides]);
  const shared = {
    layer,
    axis,
    colours: [classColour(classIndex(own)), classColour(classIndex(predicted))] as [string, string],
    heads: [own, predicted].map(zHead),
    most: Math.max(far.length, sides.length),
  };
  return (
    <>
      <Intervals
        {...shared}
        title={[`Why not ${shortOf(own)}`, ": far from its class"]}
        intervals={far.map(interval)}
        empty={`No neuron in this layer has a value that is unusual for class ${own}.`}
      />
      <Intervals
        {...shared}
        title={[`Why ${shortOf(predicted)}`, `: where it is like ${shortOf(predicted)}`]}
        intervals={sides.map(interval)}
        empty={
          `On no neuron is it like ${predicted}: none is within one standard deviation of ${predicted}, ` +
          `at least one away from ${own}, and separates the two classes.`
        }
      />
    </>
  );
}

export const axisOf = (neurons: readonly ContrastNeuron[]): Axis =>
  axisOver(
    neurons.flatMap(({ value, own: a, predicted: b }) => [
      value,
      a.mean - a.std,
      a.mean + a.std,
      b.mean - b.std,
      b.mean + b.std,
    ]),
  );

/** The heading of a column of z within a class. */
export const zHead = (name: string): JSX.Element => (
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

export function interval({ neuron, value, z_own, z_predicted, own, predicted }: ContrastNeuron): Interval {
  return { neuron, value, own, other: predicted, numbers: [signed(z_own), signed(z_predicted)] };
}
