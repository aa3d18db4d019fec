/** Text that is truncated and shown in full in a tooltip. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/tooltipPlace";
import { Tooltip } from "./Tooltip";

/** Truncated if there is no room; the full text is then in a tooltip. `full`: of what was shortened before. */
export function CutText({
  children,
  full,
  class: name = "",
}: {
  children: ComponentChildren;
  full?: string;
  class?: string;
}): JSX.Element {
  const whole = full ?? children;
  const [box, setBox] = useState<Box | null>(null);
  return (
    <span
      class={`cut ${name}`}
      onPointerLeave={() => setBox(null)}
      onPointerEnter={({ currentTarget }) =>
        (currentTarget.scrollWidth > currentTarget.clientWidth || (full !== undefined && full !== children)) &&
        setBox(currentTarget.getBoundingClientRect())
      }
    >
      {children}
      {box && (
        <Tooltip anchor={box}>
          <span class="matrix-whole">{whole}</span>
        </Tooltip>
      )}
    </span>
  );
}
