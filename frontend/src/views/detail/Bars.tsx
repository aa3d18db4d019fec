/** A bar chart of shares per class. */

import type { JSX } from "preact";
import { classColour } from "../../draw/classes";
import { hovering } from "../../state/hover";
import { type RowKey, subsetKey } from "../../state/rowKeys";
import { Name } from "../controls/Name";
import { RowSwatch, Swatch } from "../controls/Swatch";

/** A share and its number, of a class or of a row of the matrices. */
export interface Bar {
  name: string;
  /** The row, unless it is the class of that name. */
  row?: RowKey;
  index: number;
  share: number;
  caption: string;
  title?: string;
}

/** Bars with their numbers, for lists of any width. */
export function Bars({ bars }: { bars: readonly Bar[] }): JSX.Element {
  return (
    <ul class="detail-scores">
      {bars.map(({ name, row, index, share, caption, title }) => (
        <li key={row ?? name} title={title} {...hovering(row || index >= 0 ? { row: row ?? subsetKey(name) } : null)}>
          {row ? <RowSwatch row={row} /> : <Swatch index={index} />}
          <span class="cut">
            <Name name={name} />
          </span>
          <span class="detail-score">
            <span
              style={{
                width: `max(1.5px, min(100% - 32px, var(--longest-bar, 76px)) * ${share.toFixed(4)})`,
                background: classColour(index),
                opacity: share < 0.05 ? 0.6 : 1,
              }}
            />
            <span class="second">{caption}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}
