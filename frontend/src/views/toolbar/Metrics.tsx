/** The step with its accuracy and loss; of a comparison those of both snapshots. */

import type { JSX } from "preact";
import { fixed, integer, percent } from "../../draw/format";
import { comparedStep, steps } from "../../state/currentSnapshot";
import { noun } from "../../state/derived";
import { shownStep } from "../../state/drawnStep";

/** Over all instances seen; a metric that neither snapshot has is left out. */
export function Metrics(): JSX.Element {
  const [here, there] = [shownStep.value, comparedStep.value];
  if (there === null) {
    const said = metricText();
    return (
      <span class="toolbar-metric" title={here?.problem ?? undefined}>
        <b>{integer(here?.step)}</b>{" "}
        <span class="second">
          of {integer(steps.value.at(-1)?.step)}
          {said && <span class="toolbar-accuracy"> · {said}</span>}
        </span>
      </span>
    );
  }
  return (
    <span class="toolbar-metric both" title={here?.problem ?? there.problem ?? `Over all ${noun.value}s seen`}>
      <b>{integer(here?.step)}</b>
      <span class="toolbar-both second">
        <Both name="accuracy" own={here?.accuracy} other={there.accuracy} format={percent} />
        <Both name="loss" own={here?.loss} other={there.loss} format={fixed} />
      </span>
    </span>
  );
}

/** "accuracy 96.9 against 95.2%". */
function Both({
  name,
  own,
  other,
  format,
}: {
  name: string;
  own: number | null | undefined;
  other: number | null;
  format: (value: number | null | undefined) => string;
}): JSX.Element | null {
  if (own == null && other === null) return null;
  const second = format(other);
  return (
    <span>
      {name} <b>{second.endsWith("%") ? format(own).replace("%", "") : format(own)}</b> against <b>{second}</b>
    </span>
  );
}

/** "accuracy 96.9%", or the loss where there is no accuracy; empty without either. */
export function metricText(): string {
  const { accuracy = null, loss = null } = shownStep.value ?? {};
  if (accuracy !== null) return `accuracy ${percent(accuracy)}`;
  return loss === null ? "" : `loss ${fixed(loss, 3)}`;
}
