/** The draggable divider between two panes. */

import type { JSX } from "preact";
import { followDrag } from "../lib/drag";
import { Icon } from "./controls/Icon";

interface Properties {
  label: string;
  /** Direction of dragging. */
  axis: "x" | "y";
  size: number;
  /** +1 when dragging right or down makes the pane larger, -1 when smaller. */
  grows: 1 | -1;
  onResize: (size: number) => void;
  onToggle?: () => void;
}

/** Drag it or use the arrow keys; double click or Enter collapses the pane. */
export function Divider({ label, axis, size, grows, onResize, onToggle }: Properties): JSX.Element {
  const onPointerDown = (event: PointerEvent): void => {
    const element = event.currentTarget as HTMLElement;
    const at = ({ clientX, clientY }: PointerEvent): number => (axis === "x" ? clientX : clientY);
    element.setPointerCapture(event.pointerId);
    followDrag(element, (next) => onResize(size + grows * (at(next) - at(event))));
    event.preventDefault();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 16, ArrowDown: 16, ArrowLeft: -16, ArrowUp: -16 }[event.key];
    if (by !== undefined) onResize(size + grows * by);
    else if (event.key === "Enter") onToggle?.();
    else return;
    event.preventDefault();
  };
  const shut = size < 40;
  return (
    <div
      class={`divider ${axis}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={axis === "x" ? "vertical" : "horizontal"}
      aria-valuenow={Math.round(size)}
      aria-valuemin={0}
      aria-valuemax={4000}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
      onDblClick={onToggle}
    >
      {onToggle && (
        <span
          class="divider-toggle"
          title={shut ? "Open" : "Collapse"}
          onPointerDown={(event) => event.stopPropagation()}
          onClick={onToggle}
        >
          <Icon
            name={
              axis === "y" ? (shut ? "expandLess" : "expandMore") : grows > 0 === shut ? "chevronRight" : "chevronLeft"
            }
            size={12}
          />
        </span>
      )}
    </div>
  );
}
