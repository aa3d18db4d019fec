import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Cell } from "../../api/types";
import { arrow } from "../../draw/format";
import { clickInstance } from "../../state/actions";
import { instanceName, labelName, numeric } from "../../state/chosen";
import { pictured, snapshot, tableOf } from "../../state/data";
import { clearHover, hoveredInstance, setHover } from "../../state/hover";
import { Thumbnail } from "../controls/Swatch";

export interface Tile {
  row: number;
  label: Cell;
  prediction: Cell;
  /** "3.1", and for screen readers what that is. */
  told: string;
  what?: string;
}

/**
 * Instances as small pictures with their label, or "label → prediction" where it is wrong; without pictures as a list.
 * A click pins.
 */
export function Tiles({ tiles, none }: { tiles: readonly Tile[]; none: string }): JSX.Element {
  const pictures = pictured.value;
  const texts = useTexts(tiles);
  const task = snapshot.value.value?.task;
  const named = (value: Cell): string =>
    numeric(task) && typeof value === "number" ? labelName(value) : String(value);
  // Names of more than a few letters stand beside their picture, in two lines where it is wrong.
  const long =
    pictures &&
    tiles.some(
      ({ label, prediction }) =>
        [label, prediction].some((value) => value !== null && named(value).length > (numeric(task) ? 5 : 4)) ||
        (label !== prediction &&
          label !== null &&
          prediction !== null &&
          task === "classification" &&
          `${label}${prediction}`.length > 3),
    );
  if (tiles.length === 0) return <p class="detail-words">{none}</p>;
  return (
    <div class={pictures ? `detail-tiles${long ? " long" : ""}` : `detail-lines${texts ? " said" : ""}`}>
      {tiles.map(({ row, label, prediction, told, what = "" }) => {
        const wrong = label !== null && prediction !== null && label !== prediction && task === "classification";
        const name =
          label === null
            ? prediction === null
              ? instanceName(row)
              : named(prediction)
            : wrong
              ? arrow(String(label), String(prediction))
              : named(label);
        const point = (): void => setHover({ instance: row });
        return (
          <button
            key={row}
            type="button"
            class={`detail-tile${hoveredInstance.value === row ? " lit" : ""}`}
            aria-label={pictures ? `${instanceName(row)}, ${name}, ${what}${told}` : undefined}
            onClick={() => clickInstance(row)}
            onPointerEnter={point}
            onPointerLeave={clearHover}
            onFocus={point}
            onBlur={clearHover}
          >
            {pictures ? <Thumbnail row={row} size={long ? 28 : 36} /> : <span class="value">{instanceName(row)}</span>}{" "}
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
                {texts?.get(row) ?? told}
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}

/** Of instances that are texts: what they say, by row, in one request. */
function useTexts(tiles: readonly Tile[]): Map<number, string> | null {
  const [wanted] = useState(() => signal<readonly number[]>([]));
  const [table] = useState(() =>
    tableOf(() => {
      const asked = snapshot.value.value?.content === "text" ? wanted.value : [];
      return asked.length > 0 ? { rows: [...asked], offset: 0, limit: asked.length } : null;
    }),
  );
  const asked = tiles.map(({ row }) => row);
  const key = asked.join();
  useEffect(() => {
    wanted.value = asked;
  }, [key]);
  if (snapshot.value.value?.content !== "text") return null;
  return new Map((table.value.value?.rows ?? []).map((one) => [one.row, typeof one.text === "string" ? one.text : ""]));
}
