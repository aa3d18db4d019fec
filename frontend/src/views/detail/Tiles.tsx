import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Cell } from "../../api/types";
import { clickInstance } from "../../state/actions";
import { instanceName } from "../../state/chosen";
import { snapshot, tableOf } from "../../state/data";
import { clearHover, hover, setHover } from "../../state/hover";
import { Thumbnail } from "../controls/Swatch";

export interface Tile {
  row: number;
  label: Cell;
  prediction: Cell;
  /** For screen readers: "distance 3.1". */
  told: string;
}

/** Instances as small pictures with their label, or "label → prediction" where it is wrong; without pictures as a list. A click pins. */
export function Tiles({ tiles }: { tiles: readonly Tile[] }): JSX.Element {
  const pictures = snapshot.value.value?.content === "image";
  const texts = useTexts(tiles);
  return (
    <div class={pictures ? "detail-tiles" : `detail-lines${texts ? " said" : ""}`}>
      {tiles.map(({ row, label, prediction, told }) => {
        const wrong = label !== null && prediction !== null && label !== prediction && snapshot.value.value?.task === "classification";
        const name = label === null ? (prediction === null ? instanceName(row) : String(prediction)) : wrong ? `${label} → ${prediction}` : String(label);
        return (
          <button key={row} type="button" class={`detail-tile${hover.value.instance === row ? " lit" : ""}`} aria-label={`${instanceName(row)}, ${name}, ${told}`}
            onClick={() => clickInstance(row)} onPointerEnter={() => setHover({ instance: row })} onPointerLeave={clearHover}>
            {pictures ? <Thumbnail row={row} size={36} /> : <span class="value">{instanceName(row)}</span>}
            <span class={wrong ? "accent cut" : "cut"}>{name}</span>
            {!pictures && <span class={texts ? "cut second detail-said" : "caption"} dir="auto">{texts?.get(row) ?? told}</span>}
          </button>
        );
      })}
    </div>
  );
}

/** Of instances that are texts: what they say, by row, in one request. */
function useTexts(tiles: readonly Tile[]): Map<number, string> | null {
  const [wanted] = useState(() => signal<readonly number[]>([]));
  const [table] = useState(() => tableOf(() => {
    const asked = snapshot.value.value?.content === "text" ? wanted.value : [];
    return asked.length > 0 ? { rows: [...asked], offset: 0, limit: asked.length } : null;
  }));
  const asked = tiles.map(({ row }) => row);
  const key = asked.join();
  useEffect(() => {
    wanted.value = asked;
  }, [key]);
  if (snapshot.value.value?.content !== "text") return null;
  return new Map((table.value.value?.rows ?? []).map((one) => [one.row, typeof one["text"] === "string" ? one["text"] : ""]));
}
