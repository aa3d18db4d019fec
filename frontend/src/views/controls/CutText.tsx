/** Text that is truncated and shown in full in a tooltip. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/tooltipPlace";
import { Tooltip } from "./Tooltip";

/** Truncated if there is no room; the full text is then in a tooltip. */
export function CutText({ children, class: name = "" }: { children: ComponentChildren; class?: string }): JSX.Element {
  const [box, setBox] = useState<Box | null>(null);
  return (
    <span
      class={`cut ${name}`}
      onPointerLeave={() => setBox(null)}
      onPointerEnter={({ currentTarget }) =>
        currentTarget.scrollWidth > currentTarget.clientWidth && setBox(currentTarget.getBoundingClientRect())
      }
    >
      {children}
      {box && (
        <Tooltip anchor={box}>
          <span class="matrix-whole">{children}</span>
        </Tooltip>
      )}
    </span>
  );
}
