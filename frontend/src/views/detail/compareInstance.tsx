/** The detail of an instance in two snapshots: what both say of it, and why. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { ClassContrast, InstanceDetail } from "../../api/types";
import { classColour } from "../../draw/classes";
import { fixed, short } from "../../draw/format";
import { changeOf, comparedIndex, comparedInstanceOf, comparedLayer, pairs, sideNames } from "../../state/compared";
import { columns, comparedInfo, instanceOf, snapshot } from "../../state/data";
import { hasSeveralLabels, labelName } from "../../state/derived";
import type { Load } from "../../state/loads";
import { CutText } from "../controls/CutText";
import { Unread } from "../controls/Loading";
import { Name } from "../controls/Name";
import { ClassName, Swatch } from "../controls/Swatch";
import { Content } from "./Content";
import { ContrastNeurons, classIndex } from "./WhyNot";
import "../../lib/laterStyles";

/** What became of the instance, in a word, after what each predicted. */
export function InstanceTwinsTitle({ index }: { index: number }): JSX.Element {
  const [task, change] = [snapshot.value.value?.task, changeOf(index)];
  const sides = [columns.value.value, pairs.value?.columns];
  const isTold = sides.some((side) => labelName(side?.prediction[index], side?.names) !== "–");
  const told = isTold && !hasSeveralLabels(task) && task !== "ranking" && comparedIndex(index) !== null;
  return (
    <>
      {told &&
        sides.map((side, i) => (
          <span key={i} class="detail-pair detail-side">
            <CutText class="second">{sideNames.value[i]}</CutText>{" "}
            {task === "classification" ? (
              <ClassName index={side?.prediction[index] ?? -1} />
            ) : (
              <b>{labelName(side?.prediction[index], side?.names)}</b>
            )}
          </span>
        ))}
      {change && (
        <b class={/Broken|Wrong|Worse/.test(change.name) ? "accent" : "second"}>{change.name.toLowerCase()}</b>
      )}
      {pairs.value && comparedIndex(index) === null && (
        <span class="caption cut">{`${sideNames.value[1]} did not keep it`}</span>
      )}
    </>
  );
}

/** Content, the scores of both, and for each why it predicts what it does, against what the other predicts. */
export function InstanceTwins({ detail, layer }: { detail: InstanceDetail; layer: string }): JSX.Element {
  const { index } = detail;
  const [other] = useState(() => comparedInstanceOf(() => ({ layer, index })));
  const its = other.value.value;
  const isClassified = snapshot.value.value?.task === "classification";
  // A right prediction is explained against that of the other snapshot, a wrong one against the instance's class.
  const against = (
    one: InstanceDetail | null,
    two: InstanceDetail | null,
    classes?: readonly string[],
  ): string | null =>
    isClassified &&
    one?.contrast === null &&
    two &&
    one.prediction !== two.prediction &&
    classes?.includes(String(two.prediction))
      ? String(two.prediction)
      : null;
  const [first] = useState(() =>
    instanceOf(() => {
      const name = against(detail, other.value.value, snapshot.value.value?.class_names);
      return name === null ? null : { layer, index, against: name };
    }),
  );
  const [second] = useState(() =>
    comparedInstanceOf(() => {
      const name = against(other.value.value, detail, comparedInfo.value.value?.class_names);
      return name === null ? null : { layer, index, against: name };
    }),
  );
  const [own, name] = sideNames.value;
  return (
    <div class="detail-body detail-twins">
      <section class="detail-section">
        <h3>Content</h3>
        <Content key={index} index={index} />
      </section>
      {detail.scores.length > 0 ? <Scores sides={[detail, its]} /> : <Figures index={index} />}
      {isClassified && (
        <>
          <Why
            index={index}
            name={own}
            contrast={detail.contrast ?? first.value.value?.contrast ?? null}
            load={first.value}
            layer={layer}
          />
          <Why
            index={index}
            name={name}
            contrast={its?.contrast ?? second.value.value?.contrast ?? null}
            load={other.value.status === "failed" ? other.value : second.value}
            layer={layer}
            missing={
              comparedIndex(index) === null
                ? "It did not keep this instance."
                : comparedLayer(layer)
                  ? undefined
                  : `It has no layer ${layer}.`
            }
          />
        </>
      )}
    </div>
  );
}

/** The classes that one of the two finds most likely, with a bar for each. */
function Scores({ sides }: { sides: readonly (InstanceDetail | null)[] }): JSX.Element {
  const scores = sides.map((side) => new Map(side?.scores.map((one) => [one.class, one.score ?? NaN])));
  const most = (name: string): number => Math.max(...scores.map((side) => side.get(name) || 0));
  const names = [...new Set(scores.flatMap((side) => [...side.keys()]))].sort((a, b) => most(b) - most(a)).slice(0, 5);
  return (
    <section class="detail-section" aria-label="Scores of both">
      <h3 class="twin-scores">
        <span>Scores</span> <span class="second">first</span> <span class="second">second</span>
      </h3>
      {names.map((name) => (
        <div key={name} class="twin-scores">
          <span class="class-name">
            <Swatch index={classIndex(name)} />
            <span class="cut">
              <Name name={name} />
            </span>
          </span>
          {scores.map((side, i) => {
            const score = side.get(name);
            return (
              <span key={i} class="detail-score">
                <span
                  style={{
                    width: `max(1.5px, calc((100% - 36px) * ${Math.min(1, score || 0)}))`,
                    background: classColour(classIndex(name)),
                  }}
                />
                <span class="second">{score === undefined ? "–" : fixed(score)}</span>
              </span>
            );
          })}
        </div>
      ))}
    </section>
  );
}

/** Prediction, score and loss of both, where there are no scores of classes. */
function Figures({ index }: { index: number }): JSX.Element {
  const sides = [columns.value.value, pairs.value?.columns];
  const task = snapshot.value.value?.task;
  const lines = (["label", "prediction", "score", "loss"] as const)
    .map((name) => ({ name, values: sides.map((side) => side?.[name][index] ?? NaN) }))
    .filter(({ name, values }) =>
      values.some(
        (value) => Number.isFinite(value) && (name === "loss" || name === "score" || labelName(value) !== "–"),
      ),
    )
    .filter(({ name }) => task !== "ranking" || name !== "prediction");
  return (
    <section class="detail-section" aria-label="Figures of both">
      <h3 class="twin-scores">
        <span /> <span class="second">first</span> <span class="second">second</span>
      </h3>
      {lines.map(({ name, values }) => (
        <div key={name} class="twin-scores">
          <span class="second">{name === "label" && task === "regression" ? "target" : name}</span>
          {values.map((value, i) => (
            <span key={i}>
              {name === "label" || name === "prediction" ? labelName(value, sides[i]?.names) : short(value)}
            </span>
          ))}
        </div>
      ))}
    </section>
  );
}

/** The neurons that keep the instance from one class, by their effect. */
function Why<Q, T>({
  index,
  name,
  contrast,
  load,
  layer,
  missing,
}: {
  index: number;
  name: string;
  contrast: ClassContrast | null;
  load: Load<Q, T>;
  layer: string;
  /** Why there is nothing to say. */
  missing?: string | undefined;
}): JSX.Element {
  if (!contrast) {
    return (
      <section class="detail-section" aria-label={`Why in ${name}`}>
        <h3>
          Why{" "}
          <span class="second cut" title={name}>
            {name}
          </span>
        </h3>
        {load.status === "failed" ? (
          <Unread load={load} />
        ) : (
          load.status !== "pending" && (
            <p class="detail-words">
              {missing ??
                (changeOf(index)?.name === "Right in both"
                  ? "Both predict its class, so that there is no other class to compare with."
                  : "A class has too few instances to compare with.")}
            </p>
          )
        )}
      </section>
    );
  }
  return (
    <section class="twin-why" aria-label={`Why in ${name}`}>
      <ContrastNeurons contrast={contrast} layer={layer} side={name} />
    </section>
  );
}
