/** Virtual scrolling: which lines of a long list are in sight. */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { followSize } from "../../lib/sizes";

/** The lines `from` to `to`, of equal height, with a few more at both ends. */
export interface VirtualList {
  ref: RefObject<HTMLDivElement | null>;
  from: number;
  to: number;
  width: number;
  height: number;
  top: number;
  onScroll: () => void;
  /** Scrolls to a line. */
  show: (line: number) => void;
}

const SPARE = 4;

export function useVirtualList(lineHeight: number, count: number, header = 0): VirtualList {
  const ref = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 0, width: 0 });
  const read = (): void => {
    const box = ref.current;
    if (!box) return;
    const next = { top: box.scrollTop, height: box.clientHeight, width: box.clientWidth };
    setSeen((now) => (now.top === next.top && now.height === next.height && now.width === next.width ? now : next));
  };
  useLayoutEffect(() => {
    read();
    return followSize(ref.current, read);
  }, []);
  const first = Math.floor(seen.top / lineHeight);
  return {
    ref,
    width: seen.width,
    height: seen.height,
    top: seen.top,
    onScroll: read,
    from: Math.max(0, Math.min(first, count) - SPARE),
    to: Math.min(count, first + Math.ceil(seen.height / lineHeight) + SPARE),
    show(line) {
      const box = ref.current;
      if (!box) return;
      const [start, end] = [line * lineHeight, (line + 1) * lineHeight];
      if (start < box.scrollTop) box.scrollTop = start;
      else if (end > box.scrollTop + box.clientHeight - header) box.scrollTop = end - box.clientHeight + header;
    },
  };
}
