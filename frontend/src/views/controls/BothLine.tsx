/** A summary of an instance in two snapshots, for tooltips. */

import type { JSX } from "preact";
import { fixed } from "../../draw/format";
import { changeOf, comparedIndex, pairs, sideNames } from "../../state/compared";
import { labelName } from "../../state/derived";
import { InstanceLine } from "./InstanceLine";

/** What `InstanceLine` says, and below it the other snapshot's prediction and what became of the instance. */
export function BothLine({ index }: { index: number }): JSX.Element {
  const other = pairs.value?.columns;
  const score = other?.score[index];
  const change = changeOf(index);
  return (
    <>
      <InstanceLine index={index} />
      <div>
        {sideNames.value[1]}
        {comparedIndex(index) === null ? (
          " did not keep it"
        ) : (
          <>
            {" → "}
            <bdi>{labelName(other?.prediction[index], other?.names)}</bdi>
            {score !== undefined && Number.isFinite(score) && (
              <>
                {" "}
                · score <b>{fixed(score)}</b>
              </>
            )}
            {change && ` · ${change.name.toLowerCase()}`}
          </>
        )}
      </div>
    </>
  );
}
