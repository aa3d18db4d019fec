/** A tile of a neuron's list: the picture painted by the neuron, with class and value below it. */

import type { JSX } from "preact";
import type { CellScale } from "../../api/types";
import { placeText, type ValuedMap } from "../../layout/instanceMaps";
import { clickInstance } from "../../state/actions";
import { instanceName } from "../../state/derived";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { PaintedContent } from "../controls/PaintedContent";
import type { Paint } from "../controls/PaintedPicture";
import { InstanceClasses } from "./InstanceClasses";

/** Pictures are smaller in a drawer that is lower than this. */
const HIGH = 250;

interface Properties {
  map: ValuedMap;
  sizes: readonly number[];
  scale: CellScale;
  written: (value: number | null) => string;
  paint: Paint;
}

export function PaintedTile({ map, sizes, scale, written, paint }: Properties): JSX.Element {
  const point = (): void => setHover({ instance: map.index });
  const small = detailHeight.value < HIGH;
  const size = small ? 44 : 72;
  const width = sizes.length === 1 ? 2 * size : size;
  const said = [map.label, map.prediction !== map.label && `predicted ${map.prediction}`].filter(Boolean).join(", ");
  return (
    <button
      type="button"
      class={`where-tile${hoveredInstance.value === map.index ? " lit" : ""}`}
      style={{ width: `${width + (small ? 24 : 12)}px` }}
      aria-label={`${instanceName(map.index)}, ${said ? `${said}, ` : ""}${written(map.value)}, peak at ${placeText(map.peak, sizes)}`}
      onClick={() => clickInstance(map.index)}
      onPointerEnter={point}
      onPointerLeave={clearHover}
      onFocus={point}
      onBlur={clearHover}
    >
      <PaintedContent map={map} sizes={sizes} scale={scale} size={size} width={width} paint={paint} />
      <span class="where-caption">
        <InstanceClasses map={map} swatches={small} />
        <span class="number">{written(map.value)}</span>
      </span>
    </button>
  );
}
