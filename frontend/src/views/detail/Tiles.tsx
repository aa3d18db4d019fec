/** A list of instances as thumbnails or texts. */

import type { JSX } from "preact";
import type { Cell } from "../../api/types";
import { arrow } from "../../draw/format";
import { clickInstance } from "../../state/actions";
import { hasPictures, snapshot } from "../../state/data";
import { hasNumericLabels, instanceName, labelName, shortOf } from "../../state/derived";
import { hoveredInstance, hovering } from "../../state/hover";
import { InstanceText } from "../controls/InstanceText";
import { Name } from "../controls/Name";
import { Thumbnail } from "../controls/Swatch";
import { useTexts } from "../controls/texts";

/** Letters of a text that its two lines show at least. */
const SEEN = 44;

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
  const texts = useTexts(tiles.map(({ index }) => index));
  const task = snapshot.value.value?.task;
  const named = (value: Cell): string =>
    hasNumericLabels(task) && typeof value === "number" ? labelName(value) : shortOf(String(value));
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
              ? arrow(shortOf(String(label)), shortOf(String(prediction)))
              : named(label);
        return (
          <button
            key={index}
            type="button"
            class={`detail-tile${hoveredInstance.value === index ? " lit" : ""}`}
            aria-label={pictures ? `${instanceName(index)}, ${name}, ${what}${caption}` : undefined}
            onClick={() => clickInstance(index)}
            {...hovering({ instance: index })}
          >
            {pictures ? (
              <Thumbnail index={index} size={long ? 28 : 36} />
            ) : texts ? (
              <span key="said" class="detail-said" dir="auto">
                <InstanceText text={texts.get(index) ?? "…"} room={SEEN} />
              </span>
            ) : (
              <span key="said" class="value">
                {instanceName(index)}
              </span>
            )}{" "}
            {long && wrong ? (
              <span class="accent cut">
                <bdi class="cut">
                  <Name name={String(label)} />
                </bdi>
                <br />
                <span class="detail-taken">
                  →
                  <bdi>
                    <Name name={String(prediction)} />
                  </bdi>
                </span>
              </span>
            ) : wrong && !pictures ? (
              <span class="accent detail-mistaken">
                <bdi class="cut">
                  <Name name={String(label)} />
                </bdi>
                {" → "}
                <bdi class="cut">
                  <Name name={String(prediction)} />
                </bdi>
              </span>
            ) : (
              <span class={wrong ? "accent cut" : "cut"}>{name}</span>
            )}{" "}
            {texts && <span class="second cut">{instanceName(index)}</span>}{" "}
            {!pictures && <span class="caption">{caption}</span>}
          </button>
        );
      })}
    </div>
  );
}
