/** Facts about a subset in one snapshot. */

import type { JSX } from "preact";
import type { SubsetDetail } from "../../api/types";
import { integer, percent } from "../../draw/format";
import { snapshot } from "../../state/data";
import { expressionOf } from "../../state/derived";
import type { RowKey } from "../../state/rowKeys";

/** `of` names the other snapshot in a comparison, which kept so many instances. */
export function Facts({
  row,
  detail,
  of,
  kept = snapshot.value.value?.sample_size,
}: {
  row: RowKey;
  detail: SubsetDetail;
  of?: string;
  kept?: number | undefined;
}): JSX.Element {
  const expression = of === undefined ? expressionOf(row) : null;
  return (
    <section class="detail-section" aria-label={of === undefined ? "Facts" : `Facts in ${of}`}>
      <h3 class="cut">{of ?? "Facts"}</h3>
      <dl class="detail-facts">
        {detail.source === "exact" && (
          <>
            <dt>instances</dt>
            <dd>
              {integer(detail.n)} <span class="second">of {integer(detail.seen)} seen</span>
            </dd>
          </>
        )}
        <dt>kept</dt>
        <dd>
          {integer(detail.sampled)} <span class="second">of {integer(kept)}</span>
        </dd>
        {detail.accuracy !== null && (
          <>
            <dt>accuracy</dt>
            <dd>
              {percent(detail.accuracy)}{" "}
              <span class="second">
                {detail.rest_accuracy === null ? "of those kept" : `the rest ${percent(detail.rest_accuracy)}`}
              </span>
            </dd>
          </>
        )}
        {detail.loss !== null && (
          <>
            <dt>mean loss</dt>
            <dd>{detail.loss.toPrecision(3)}</dd>
          </>
        )}
        {detail.tested > 0 && (
          <>
            <dt>differs on</dt>
            <dd>
              {integer(detail.differ)} <span class="second">of {integer(detail.tested)} neurons</span>
            </dd>
          </>
        )}
        {expression && (
          <>
            <dt>condition</dt>
            <dd>
              <code>{expression}</code>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
