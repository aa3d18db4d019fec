import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/beside";
import { Tooltip } from "./Tooltip";

/** Text that may be cut for want of room; pointing at it then shows the whole. */
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
