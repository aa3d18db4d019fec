/** Training health: what was measured of each layer while the model was trained, and what stands out. */

import type { JSX } from "preact";
import type { TrainingHealth } from "../../api/types";
import { mapColour, mapGradient, roundEnd } from "../../draw/colormap";
import { integer, tick } from "../../draw/format";
import { type HealthScale, healthScale } from "../../layout/healthMap";
import { health, measure, timeOf, valuesOf } from "../../state/health";
import type { TermName } from "../../state/help";
import { chosenMeasure } from "../../state/view";
import { Loading } from "../controls/Loading";
import { ModelFaces } from "../controls/ModelFaces";
import { Segmented } from "../controls/Segmented";
import { Select } from "../controls/Select";
import { Term } from "../controls/Term";
import { HealthMap } from "./HealthMap";
import "../../lib/laterStyles";
import { isShare, measured, titleOf } from "./measures";

/** With more measures than this, they are in a menu. */
const SIDE_BY_SIDE = 3;

const TERMS = new Map<string, TermName>([
  ["update_ratio", "update"],
  ["gradient_norm", "gradient"],
  ["activation_norm", "activation norm"],
  ["activation_rms", "activation RMS"],
  ["dead_share", "dead share"],
  ["kurtosis", "kurtosis"],
  ["expert_load", "busiest expert"],
]);

/** Header, map, marks and legend. */
export function Health(): JSX.Element {
  return (
    <>
      <header class="pane-header">
        <h2>Model</h2>
        <ModelFaces />
        <span class="spring" />
        <Measures names={health.value.value?.measures ?? []} />
      </header>
      <Loading load={health.value} what="Training health">
        {(known) =>
          known.layers.length > 0 && known.steps.length > 0 ? (
            <Body known={known} />
          ) : (
            <p class="hint">Nothing has been measured yet.</p>
          )
        }
      </Loading>
    </>
  );
}

function Measures({ names }: { names: readonly string[] }): JSX.Element | null {
  const options = names.map((value) => ({ value, label: titleOf(value) }));
  const choose = (name: string): void => {
    chosenMeasure.value = name;
  };
  if (names.length === 0) return null;
  return names.length <= SIDE_BY_SIDE ? (
    <Segmented label="Measure" value={measure.value} options={options} onChoose={choose} />
  ) : (
    <Select label="Measure" value={measure.value} options={options} onChoose={choose} />
  );
}

function Body({ known }: { known: TrainingHealth }): JSX.Element {
  const name = measure.value;
  const scale = healthScale(valuesOf(known, name), isShare(name), roundEnd);
  return (
    <div class="health">
      <HealthMap known={known} name={name} scale={scale} />
      <Marks known={known} />
      <Legend known={known} name={name} scale={scale} />
    </div>
  );
}

/** Each mark as a sentence; a click shows the measure that it was seen in. */
function Marks({ known: { marks, measured: count, last_steps, notes } }: { known: TrainingHealth }): JSX.Element {
  const last = last_steps.at(-1) ?? 0;
  return (
    <section class="health-said" aria-label="What stands out">
      {marks.length === 0 && (
        <p class="caption">
          Nothing stands out in {integer(count)} measured {count === 1 ? "step" : "steps"}.
        </p>
      )}
      <ul>
        {marks.map((mark) => (
          <li key={`${mark.kind} ${mark.measure} ${mark.first} ${mark.title}`}>
            <button
              type="button"
              aria-pressed={mark.measure === measure.value}
              onClick={() => (chosenMeasure.value = mark.measure)}
            >
              <span class="health-said-title">
                <i class="health-triangle" />
                <b>{mark.title}</b>
                <span class="spring" />
                <span class="second">{timeOf(mark, last)}</span>
              </span>
              <span class="second health-sentence">{mark.sentence}</span>
            </button>
          </li>
        ))}
      </ul>
      {notes.map((note) => (
        <p key={note} class="caption">
          {note}
        </p>
      ))}
    </section>
  );
}

function Legend({ known, name, scale }: { known: TrainingHealth; name: string; scale: HealthScale }): JSX.Element {
  const { low, high, log, below, above } = scale;
  const write = (value: number): string => (isShare(name) ? measured(name, value) : tick(value));
  const ends = [`${below ? "≤ " : ""}${low === 0 ? "0" : write(low)}`, `${above ? "≥ " : ""}${write(high)}`];
  const term = TERMS.get(name);
  return (
    <footer class="health-legend caption">
      <span>
        {term ? <Term name={term}>{titleOf(name)}</Term> : titleOf(name)}
        {log && ", log"}
      </span>
      <span
        class="health-scale"
        role="img"
        aria-label={`Colours from ${ends.join(" to ")}${log ? ", logarithmic" : ""}`}
      >
        {ends[0]}
        <i style={{ background: mapGradient(false) }} />
        {ends[1]}
      </span>
      {valuesOf(known, name).some((value) => Math.abs(value) === Infinity) && (
        <span class="health-scale">
          <i class="health-cell" style={{ background: mapColour(-0.75) }} /> NaN or infinite
        </span>
      )}
      <span class="health-scale">
        <i class="health-triangle" /> a rule
      </span>
      <span class="spring" />
      <span>measured every {known.every === 1 ? "step" : `${integer(known.every)} steps`}</span>
    </footer>
  );
}
