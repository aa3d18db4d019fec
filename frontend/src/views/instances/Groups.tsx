/** The Groups tab: what became of the instances from one snapshot to the other. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { integer } from "../../draw/format";
import type { Change } from "../../layout/changes";
import { pick } from "../../state/actions";
import { changes, comparedInstances, pairs, sideNames } from "../../state/compared";
import { columns, comparedInfo } from "../../state/data";
import { picked } from "../../state/members";
import { Loading } from "../controls/Loading";
import { GroupList } from "./GroupList";
import { GroupMarks, perMarkIn } from "./GroupMarks";
import "../../lib/laterStyles";

/** A head and marks per group, and a list of one of them. A click on a head picks its instances. */
export function Groups(): JSX.Element {
  const pointed = useSignal<string | null>(null);
  const width = useSignal(0);
  const failed = [comparedInfo.value, comparedInstances.value].find(({ status }) => status === "failed");
  const [both, all, now] = [pairs.value, columns.value.value?.count ?? 0, changes.value];
  if (!both)
    return (
      <Loading load={{ ...(failed ?? comparedInstances.value), value: null }} what={sideNames.value[1]}>
        {() => null}
      </Loading>
    );
  if (both.both === 0)
    return <p class="hint">{`${sideNames.value[1]} kept none of these instances: the two have no id in common.`}</p>;
  if (!now)
    return <p class="hint">There are neither labels nor predictions in both, so that there is nothing to group by.</p>;
  const chosen = now.groups.find(({ indices }) => indices === picked.value?.indices);
  const listed = chosen ?? now.groups.find(({ name }) => name === pointed.value) ?? mostTelling(now.groups);
  return (
    <>
      <p class="groups-count">
        <b>{integer(both.both)}</b> {both.both === all ? "kept in both" : `of ${integer(all)} are kept in both`}
        <span class="spring" />
        <span class="cut" title={sideNames.value.join(" → ")}>
          first {sideNames.value[0]}, second {sideNames.value[1]}
        </span>
      </p>
      <div class="groups">
        {now.groups.map((group) => (
          <Group
            key={group.name}
            group={group}
            width={width}
            listed={group === listed}
            chosen={group === chosen}
            onPoint={() => (pointed.value = group.name)}
          />
        ))}
      </div>
      <GroupList group={listed} />
    </>
  );
}

/** The names of groups whose instances one looks for first. */
const TELLING = ["Broken", "Worsened", "Other prediction", "Fixed", "Improved", "Wrong in both"];

const mostTelling = (groups: readonly Change[]): Change =>
  TELLING.map((name) => groups.find((group) => group.name === name && group.indices.length > 0)).find(Boolean) ??
  (groups.find(({ indices }) => indices.length > 0) as Change);

function Group({
  group,
  width,
  listed,
  chosen,
  onPoint,
}: {
  group: Change;
  width: { value: number };
  listed: boolean;
  chosen: boolean;
  onPoint: () => void;
}): JSX.Element {
  const { name, says, indices } = group;
  const per = perMarkIn(width.value, indices.length);
  return (
    <section class={`group${listed ? " here" : ""}`} aria-label={name} onPointerEnter={onPoint}>
      <button
        type="button"
        class="group-head"
        aria-pressed={chosen}
        disabled={indices.length === 0}
        title={indices.length > 0 ? `${chosen ? "Clear" : "Pick"} these instances` : undefined}
        onFocus={onPoint}
        onClick={() => pick(chosen ? null : { name: name.toLowerCase(), indices })}
      >
        <b>{name}</b> <b>{integer(indices.length)}</b>
        <span class="second cut">
          {says}
          {per > 1 && (says ? ` · ≤ ${integer(per)} each` : `a mark is up to ${integer(per)}`)}
        </span>
      </button>
      {indices.length > 0 && <GroupMarks group={group} per={per} width={width} />}
    </section>
  );
}
