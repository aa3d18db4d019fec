/** A list of instances as thumbnails or texts. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Cell } from "../../api/types";
import { arrow } from "../../draw/format";
import { clickInstance } from "../../state/actions";
import { hasPictures, snapshot, tableOf } from "../../state/data";
import { hasNumericLabels, instanceName, labelName } from "../../state/derived";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { Thumbnail } from "../controls/Swatch";

export interface Tile {
  index: number;
  label: Cell;
  prediction: Cell;
  /** "3.1"; and what it is, for screen readers. */
  caption: string;
  what?: string;
}

/** Thumbnails with label, or "label → prediction" where it is wrong; a list if there are no pictures. A click pins. */
export function Tiles({ tiles, none }: { tiles: readonly Tile[]; none: string }): JSX.Element {
  const pictures = hasPictures.value;
  const texts = useTexts(tiles);
  const task = snapshot.value.value?.task;
  const named = (value: Cell): string =>
    hasNumericLabels(task) && typeof value === "number" ? labelName(value) : String(value);
  // Longer names are beside the picture, in two lines for a wrong prediction.
  const long =
    pictures &&
    tiles.some(
      ({ label, prediction }) =>
        [label, prediction].some((value) => value !== null && named(value).length > (hasNumericLabels(task) ? 5 : 4)) ||
        (label !== prediction &&
          label !== null &&
          prediction !== null &&
          task === "classification" &&
          `${label}${prediction}`.length > 3),
    );
  if (tiles.length === 0) return <p class="detail-words">{none}</p>;
  return (
    <div class={pictures ? `detail-tiles${long ? " long" : ""}` : `detail-lines${texts ? " said" : ""}`}>
      {tiles.map(({ index, label, prediction, caption, what = "" }) => {
        const wrong = label !== null && prediction !== null && label !== prediction && task === "classification";
        const name =
          label === null
            ? prediction === null
              ? instanceName(index)
              : named(prediction)
            : wrong
              ? arrow(String(label), String(prediction))
              : named(label);
        const point = (): void => setHover({ instance: index });
        return (
          <button
            key={index}
            type="button"
            class={`detail-tile${hoveredInstance.value === index ? " lit" : ""}`}
            aria-label={pictures ? `${instanceName(index)}, ${name}, ${what}${caption}` : undefined}
            onClick={() => clickInstance(index)}
            onPointerEnter={point}
            onPointerLeave={clearHover}
            onFocus={point}
            onBlur={clearHover}
          >
            {pictures ? (
              <Thumbnail index={index} size={long ? 28 : 36} />
            ) : (
              <span class="value">{instanceName(index)}</span>
            )}{" "}
            {long && wrong ? (
              <span class="accent cut">
                <bdi class="cut">{label}</bdi>
                <br />
                <span class="cut">
                  → <bdi>{prediction}</bdi>
                </span>
              </span>
            ) : (
              <span class={wrong ? "accent cut" : "cut"}>{name}</span>
            )}{" "}
            {!pictures && (
              <span class={texts ? "cut second detail-said" : "caption"} dir="auto">
                {texts?.get(index) ?? caption}
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}

/** Texts of the instances, by index, in one request. */
function useTexts(tiles: readonly Tile[]): Map<number, string> | null {
  const [wanted] = useState(() => signal<readonly number[]>([]));
  const [table] = useState(() =>
    tableOf(() => {
      const visible = snapshot.value.value?.content === "text" ? wanted.value : [];
      return visible.length > 0 ? { indices: [...visible], offset: 0, limit: visible.length } : null;
    }),
  );
  const indices = tiles.map(({ index }) => index);
  const key = indices.join();
  useEffect(() => {
    wanted.value = indices;
  }, [key]);
  if (snapshot.value.value?.content !== "text") return null;
  return new Map((table.value.value?.rows ?? []).map((one) => [one.row, typeof one.text === "string" ? one.text : ""]));
}
