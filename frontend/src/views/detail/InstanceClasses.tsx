/** Label of an instance, and what it was taken for where that is something else. */

import type { JSX } from "preact";
import type { InstanceMap } from "../../api/types";
import { short } from "../../draw/format";
import { snapshot } from "../../state/data";
import { instanceName, shortOf } from "../../state/derived";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { classIndex } from "./WhyNot";

/** `swatches`: the colours of classes alone, where there is no room for names. */
export function InstanceClasses({
  map: { index, label, prediction },
  swatches = false,
}: {
  map: InstanceMap;
  swatches?: boolean;
}): JSX.Element {
  const named = (value: string | number): JSX.Element =>
    typeof value === "number" ? <span>{short(value)}</span> : <Name name={value} short={shortOf(value)} />;
  const shown = label ?? prediction;
  if (shown === null) return <span class="where-classes cut second">{instanceName(index)}</span>;
  const wrong =
    snapshot.value.value?.task === "classification" && label !== null && prediction !== null && label !== prediction;
  if (swatches && typeof shown === "string" && classIndex(shown) >= 0)
    return (
      <span class="where-classes">
        <Swatch index={classIndex(shown)} />
        {wrong && <span class="accent">→</span>}
        {wrong && <Swatch index={classIndex(prediction)} />}
      </span>
    );
  return (
    <span class="where-classes">
      {typeof shown === "string" && classIndex(shown) >= 0 && <Swatch index={classIndex(shown)} />}
      <bdi class="cut">{named(shown)}</bdi>
      {wrong && <bdi class="accent cut">→ {named(prediction)}</bdi>}
    </span>
  );
}
