/** What is known of a subset in the compared snapshot. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { comparedLayer, comparedSubsetOf, isRowThere, sideNames } from "../../state/compared";
import { comparedInfo } from "../../state/data";
import type { RowKey } from "../../state/rowKeys";
import { CutText } from "../controls/CutText";
import { Loading } from "../controls/Loading";
import { Facts } from "./Facts";
import "../../lib/laterStyles";

/** Size, accuracy and loss there, beside those here. */
export function SubsetTwin({ row, layer }: { row: RowKey; layer: string }): JSX.Element {
  const [load] = useState(() => comparedSubsetOf(() => ({ layer, key: row })));
  const [, name] = sideNames.value;
  const info = comparedInfo.value.value;
  if (info && !(isRowThere(row) && comparedLayer(layer)))
    return (
      <section class="detail-section">
        <h3>
          <CutText>{name}</CutText>
        </h3>
        <p class="detail-words">{isRowThere(row) ? `It has no layer ${layer}.` : "It has no such subset."}</p>
      </section>
    );
  return (
    <Loading load={load.value} what={`The subset in ${name}`}>
      {(detail) => <Facts row={row} detail={detail} of={name} kept={info?.sample_size} />}
    </Loading>
  );
}
