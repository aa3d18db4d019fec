/** One row of a head's pattern over the picture that it looks at: the share of each patch, and the patch that looks. */

import type { JSX } from "preact";
import type { Attention } from "../../api/types";
import { PaintedPicture } from "../controls/PaintedPicture";
import { tokenAt } from "./headTokens";

const SIZE = 192;

export function HeadPatches({
  attention: { grid, before, index = 0, columns, rows, row_tokens },
  shares,
  row,
  onRow,
}: {
  attention: Attention;
  shares: Float32Array;
  row: number;
  onRow: (row: number) => void;
}): JSX.Element {
  const [height = 1, width = 1] = grid;
  const values = shares.slice(row * columns + before, (row + 1) * columns);
  const end = Math.max(...values) || 1;
  const unit = SIZE / Math.max(height, width);
  const [left, top] = [(SIZE - width * unit) / 2, (SIZE - height * unit) / 2];
  const patch = row - before;
  return (
    <div class="head-patches">
      <PaintedPicture
        map={{ index, peak: -1, map_sizes: grid, values }}
        sizes={grid}
        scale={{ end, signed: false }}
        size={SIZE}
      />
      <span
        class="head-grid"
        style={{ left: `${left}px`, top: `${top}px`, width: `${width * unit}px`, height: `${height * unit}px` }}
        onClick={({ offsetX, offsetY }) =>
          onRow(before + Math.floor(offsetY / unit) * width + Math.floor(offsetX / unit))
        }
      />
      {patch >= 0 && (
        <span
          class="head-from"
          style={{
            left: `${left + (patch % width) * unit}px`,
            top: `${top + Math.floor(patch / width) * unit}px`,
            width: `${unit}px`,
            height: `${unit}px`,
          }}
        />
      )}
      <label>
        From {tokenAt(row_tokens, row)}: a patch gets {end.toFixed(2)} at most
        <input type="range" max={rows - 1} value={row} onInput={({ currentTarget }) => onRow(+currentTarget.value)} />
      </label>
    </div>
  );
}
