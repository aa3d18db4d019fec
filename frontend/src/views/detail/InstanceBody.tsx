/** The detail of an instance in one layer. */

import type { JSX } from "preact";
import type { InstanceDetail } from "../../api/types";
import { alignedFormat, fixed } from "../../draw/format";
import { hasPictures, snapshot } from "../../state/data";
import { hasSeveralLabels } from "../../state/derived";
import { hasPositions } from "../../state/positions";
import { Bars } from "./Bars";
import { Content } from "./Content";
import { DepthLadder } from "./DepthLadder";
import { PaintedInstance } from "./PaintedInstance";
import { Tiles } from "./Tiles";
import { ContrastNeurons, classIndex, Together } from "./WhyNot";

/** Content, scores, nearest neighbours, and the neurons behind a wrong prediction. */
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
        <section key="scores" class="detail-section">
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
      <section key="near" class="detail-section">
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
            ? "The prediction is right. For a wrong one, this lists the neurons that keep it from its class, " +
              "by their effect on the prediction."
            : hasSeveralLabels(snapshot.value.value?.task)
              ? "This compares an instance's class with the predicted one; here an instance has several classes."
              : label === null || snapshot.value.value?.task !== "classification"
                ? "This compares an instance's class with the predicted one; here there are no classes to compare."
                : "Its class or the predicted one has too few instances to compare with."}
        </p>
      </section>
    );
  }
  return (
    <>
      <ContrastNeurons contrast={contrast} layer={layer} />
      <Together contrast={contrast} />
    </>
  );
}
