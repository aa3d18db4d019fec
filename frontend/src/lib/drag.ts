/** Follows a pointer that is pressed. */

/** What a drag is followed with until it ends: its `signal` is aborted then. `end` ends it before the pointer is let go. */
export interface Drag {
  signal: AbortSignal;
  end: (event: Event) => void;
}

/** Calls `move` while the pointer moves on `ground`, and `onEnd` once it is let go or taken away ("pointercancel"). */
export function followDrag(
  ground: EventTarget,
  move: (event: PointerEvent) => void,
  onEnd?: (event: Event) => void,
): Drag {
  const over = new AbortController();
  const { signal } = over;
  const end = (event: Event): void => {
    over.abort();
    onEnd?.(event);
  };
  ground.addEventListener("pointermove", move as (event: Event) => void, { signal });
  ground.addEventListener("pointerup", end, { signal });
  ground.addEventListener("pointercancel", end, { signal });
  return { signal, end };
}
