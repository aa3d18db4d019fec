/** A tooltip beside its anchor. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Box, placeBeside } from "../../layout/tooltipPlace";
import { followSize } from "../../lib/sizes";

interface Properties {
  /** The explained element, in viewport pixels (getBoundingClientRect). */
  anchor: Box;
  /** What it must not cover: the hovered row and column. */
  avoid?: readonly Box[];
  /** At most two lines. */
  children: ComponentChildren;
}

/** Placed on the side with room, never under the pointer; it receives no events. */
export function Tooltip({ anchor, avoid, children }: Properties): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  // What it says may come later than it does, and be larger.
  const [size, setSize] = useState("");
  useEffect(() => followSize(element.current, (_, content) => setSize(JSON.stringify(content))), []);
  const signature = [anchor, ...(avoid ?? [])]
    .map(({ left, top, width, height }) => [left, top, width, height].map(Math.round).join())
    .join(";");
  useLayoutEffect(() => {
    if (!element.current) return;
    const { width, height } = element.current.getBoundingClientRect();
    const next = placeBeside(
      anchor,
      { width, height },
      { left: 0, top: 0, width: window.innerWidth, height: window.innerHeight },
      avoid,
    );
    if (next.left !== place?.left || next.top !== place.top) setPlace(next);
  }, [signature, children, size]);
  return (
    <div
      ref={element}
      class="tooltip"
      role="tooltip"
      style={place ? { left: `${place.left}px`, top: `${place.top}px` } : { left: "0", top: "0", visibility: "hidden" }}
    >
      {children}
    </div>
  );
}
