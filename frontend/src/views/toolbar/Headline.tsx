/** One line above the panels that says the most important thing in words; what it counts is a link to the picture. */

import { type ComponentChildren, Fragment, type JSX } from "preact";
import { count, integer, percent, short } from "../../draw/format";
import { shortNames } from "../../layout/names";
import {
  chooseTab,
  clickInstance,
  compareRows,
  openLayer,
  pickWhere,
  select,
  showLayer,
  sortBy,
} from "../../state/actions";
import { pickCell } from "../../state/confusion";
import { layers, snapshot } from "../../state/data";
import { instanceName, labelName, noun } from "../../state/derived";
import { type Clause, headline } from "../../state/headline";
import { showPane } from "../../state/panes";
import { subsetKey } from "../../state/rowKeys";
import { Name } from "../controls/Name";
import { ClassName } from "../controls/Swatch";

/** Until there is a finding to be said, and where there is none. */
export function Headline(): JSX.Element {
  return (
    <p class="headline" aria-live="polite">
      {headline.value?.map((clause, i) => (
        <Fragment key={clause.kind}>
          {i > 0 && " "}
          <Said clause={clause} />
        </Fragment>
      ))}
    </p>
  );
}

function Link({ to, children }: { to: () => void; children: ComponentChildren }): JSX.Element {
  return (
    <button type="button" class="headline-link" onClick={to}>
      {children}
    </button>
  );
}

/** Of the sample, unless it is everything. */
const kept = (): string => {
  const shown = snapshot.value.value;
  return shown && shown.sample_size < shown.seen ? " kept" : "";
};

/** All or nothing only where it is. */
/** Letters of a layer's name. */
const LONGEST = 34;

/** From this accuracy on two classes are called apart. */
const APART = 0.8;

const share = (part: number, of: number): string => {
  const whole = percent(part / Math.max(1, of), 0);
  return `(${part < of && whole === "100%" ? ">99%" : part > 0 && whole === "0%" ? "<1%" : whole})`;
};

function ApartSaid({ clause }: { clause: Clause & { kind: "apart" } }): JSX.Element {
  const { label, prediction, layer, accuracy, gain, isAboveChance } = clause;
  if (!isAboveChance) return <span>No layer tells them apart.</span>;
  const show = (): void => {
    showLayer(layer);
    compareRows(subsetKey(labelName(label)), subsetKey(labelName(prediction)));
  };
  // The layer is the first within one standard error of the best, which may still be some per cent.
  const more = gain === null ? "" : `; the layers after it add less than ${Math.floor(gain * 100) + 1}%`;
  return (
    <span>
      {accuracy < APART ? "They are furthest apart in " : "They are apart by "}
      <Link to={show}>
        <Name name={layer} short={shortNames([...layers.value.keys()], LONGEST).get(layer) ?? layer} />
      </Link>{" "}
      ({percent(accuracy, 0)}){more}.
    </span>
  );
}

function Said({ clause }: { clause: Clause }): JSX.Element {
  switch (clause.kind) {
    case "confusion": {
      const { label, prediction, count: number, of, alike } = clause;
      const show = (): void => {
        chooseTab("confusion");
        showPane("instances");
        pickCell({ label, prediction });
      };
      return (
        <span>
          <b>
            <ClassName index={label} /> is taken for <ClassName index={prediction} />
          </b>{" "}
          in{" "}
          <Link to={show}>
            {integer(number)} of {integer(of)}
            {kept()}
          </Link>{" "}
          {share(number, of)}, {alike ? "as often as any other confusion" : "the most frequent confusion"}.
        </span>
      );
    }
    case "apart":
      return <ApartSaid clause={clause} />;
    case "errors": {
      const { label, count: number, of } = clause;
      const show = (): void => {
        chooseTab("classes");
        showPane("instances");
        select({ kind: "subset", key: subsetKey(labelName(label)) });
      };
      return (
        <span>
          <b>
            <ClassName index={label} />
          </b>{" "}
          has the most errors,{" "}
          <Link to={show}>
            {integer(number)} of {integer(of)}
            {kept()}
          </Link>{" "}
          {share(number, of)}.
        </span>
      );
    }
    case "wrong": {
      const { count: number, of } = clause;
      if (number === 0)
        return (
          <span>
            <b>
              All {integer(of)}
              {kept()} predictions are right.
            </b>
          </span>
        );
      const show = (): void => {
        showPane("instances");
        pickWhere("not correct", "wrong");
      };
      return (
        <span>
          <Link to={show}>
            {integer(number)} of {integer(of)}
            {kept()}
          </Link>{" "}
          {share(number, of)} are wrong.
        </span>
      );
    }
    case "miss": {
      const { index, label, prediction, mean } = clause;
      return (
        <span>
          Predictions are off by <b>{short(mean)}</b> on average. The furthest is{" "}
          <Link to={() => clickInstance(index)}>{instanceName(index)}</Link>: <b>{short(prediction)}</b> instead of{" "}
          {short(label)}.
        </span>
      );
    }
    case "dead": {
      const { layer, count: number, of, never } = clause;
      const show = (): void => {
        openLayer(layer);
        sortBy({ by: "strongest" });
      };
      return (
        <span>
          <Link to={show}>
            {integer(number)} of {count(of, "neuron")}
          </Link>{" "}
          of <b>{layer}</b> {number === 1 ? "is" : "are"} {never ? "never above zero" : "always zero"}.
        </span>
      );
    }
    case "plain":
      return (
        <span>
          {count(clause.instances, noun.value)} kept, {count(clause.layers, "layer")} recorded.
        </span>
      );
  }
}
