import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Box, beside } from "../../layout/beside";

interface Properties {
  /** What it explains, in viewport pixels (getBoundingClientRect). */
  anchor: Box;
  /** What it must not cover: the hovered row, the hovered column. */
  avoid?: readonly Box[];
  /** At most two lines. */
  children: ComponentChildren;
}

/** Stands beside its anchor, on the side with room. It is never under the pointer and takes no events. */
export function Tooltip({ anchor, avoid, children }: Properties): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  const signature = [anchor, ...(avoid ?? [])]
    .map(({ left, top, width, height }) => [left, top, width, height].map(Math.round).join())
    .join(";");
  useLayoutEffect(() => {
    if (!element.current) return;
    const { width, height } = element.current.getBoundingClientRect();
    const next = beside(
      anchor,
      { width, height },
      { left: 0, top: 0, width: window.innerWidth, height: window.innerHeight },
      avoid,
    );
    if (next.left !== place?.left || next.top !== place.top) setPlace(next);
  }, [signature, children]);
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
