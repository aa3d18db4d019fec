/** A line of a neuron's list: its value, what the instance is, and the instance painted by the neuron. */

import type { JSX } from "preact";
import type { CellScale } from "../../api/types";
import type { ValuedMap } from "../../layout/instanceMaps";
import { clickInstance } from "../../state/actions";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { narrowDetail, wide } from "../../state/panes";
import { PaintedContent } from "../controls/PaintedContent";
import { InstanceClasses } from "./InstanceClasses";

interface Properties {
  map: ValuedMap;
  sizes: readonly number[];
  scale: CellScale;
  written: (value: number | null) => string;
  text: string | undefined;
}

/** A click selects the instance, whose drawer has all of the text. */
export function PaintedLine({ map, sizes, scale, written, text }: Properties): JSX.Element {
  const point = (): void => setHover({ instance: map.index });
  // A wide drawer has room for more of a text before its peak.
  const room = narrowDetail.value ? 34 : wide.value ? 110 : 60;
  return (
    <button
      type="button"
      class={`where-line${hoveredInstance.value === map.index ? " lit" : ""}`}
      onClick={() => clickInstance(map.index)}
      onPointerEnter={point}
      onPointerLeave={clearHover}
      onFocus={point}
      onBlur={clearHover}
    >
      <b class="number">{written(map.value)}</b>
      <InstanceClasses map={map} />
      <span class="cut where-text" dir="auto">
        <PaintedContent map={map} sizes={sizes} scale={scale} room={room} text={text} width={220} size={20} />
      </span>
    </button>
  );
}
