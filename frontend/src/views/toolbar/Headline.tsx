/** One line above the panels that says the most important thing in words; what it counts is a link to the picture. */

import { type ComponentChildren, Fragment, type JSX } from "preact";
import { count, integer, percent, short } from "../../draw/format";
import { chooseTab, clickInstance, openLayer, pickWhere, select, sortBy } from "../../state/actions";
import { pickCell } from "../../state/confusion";
import { snapshot } from "../../state/data";
import { instanceName, labelName } from "../../state/derived";
import { type Clause, headline } from "../../state/headline";
import { showPane } from "../../state/panes";
import { subsetKey } from "../../state/rowKeys";
import { ClassName } from "../controls/Swatch";

/** Always there, so that nothing moves when it is known what to say. */
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
const share = (part: number, of: number): string => {
  const whole = percent(part / Math.max(1, of), 0);
  return `(${part < of && whole === "100%" ? ">99%" : part > 0 && whole === "0%" ? "<1%" : whole})`;
};

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
          {count(clause.instances, "instance")} kept, {count(clause.layers, "layer")} recorded.
        </span>
      );
  }
}
