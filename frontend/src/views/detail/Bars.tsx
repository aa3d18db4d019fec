/** A bar chart of shares per class. */

import type { JSX } from "preact";
import { classColour } from "../../draw/classes";
import { clearHover, setHover } from "../../state/hover";
import { subsetKey } from "../../state/rowKeys";
import { Swatch } from "../controls/Swatch";

/** A share and its number per class, for lists of any width. */
export function Bars({
  bars,
}: {
  bars: readonly { name: string; index: number; share: number; caption: string }[];
}): JSX.Element {
  return (
    <ul class="detail-scores">
      {bars.map(({ name, index, share, caption }) => (
        <li
          key={name}
          onPointerEnter={() => index >= 0 && setHover({ row: subsetKey(name) })}
          onPointerLeave={clearHover}
        >
          <Swatch index={index} />
          <span class="cut">{name}</span>
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
