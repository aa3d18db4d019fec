import type { JSX } from "preact";
import type { Cell } from "../../api/types";
import { clickInstance } from "../../state/actions";
import { instanceName } from "../../state/chosen";
import { snapshot } from "../../state/data";
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
  return (
    <div class={pictures ? "detail-tiles" : "detail-lines"}>
      {tiles.map(({ row, label, prediction, told }) => {
        const wrong = label !== null && prediction !== null && label !== prediction && snapshot.value.value?.task === "classification";
        const name = label === null ? (prediction === null ? instanceName(row) : String(prediction)) : wrong ? `${label} → ${prediction}` : String(label);
        return (
          <button key={row} type="button" class={`detail-tile${hover.value.instance === row ? " lit" : ""}`} aria-label={`${instanceName(row)}, ${name}, ${told}`}
            onClick={() => clickInstance(row)} onPointerEnter={() => setHover({ instance: row })} onPointerLeave={clearHover}>
            {pictures ? <Thumbnail row={row} size={36} /> : <span class="value">{instanceName(row)}</span>}
            <span class={wrong ? "accent cut" : "cut"}>{name}</span>
            {!pictures && <span class="caption">{told}</span>}
          </button>
        );
      })}
    </div>
  );
}
