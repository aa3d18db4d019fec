/** The Grid tab, for data without labels. */

import type { JSX } from "preact";
import { classColour } from "../../draw/classes";
import { clickInstance } from "../../state/actions";
import { columns, contentUrl } from "../../state/data";
import { instanceName, pinned } from "../../state/derived";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { highlighted } from "../../state/members";
import { Thumbnail } from "../controls/Swatch";
import "../../lib/laterStyles";
import { useVirtualList } from "./virtualList";

/** Thumbnails, or a mark each if there are no pictures. */
export function Grid(): JSX.Element {
  const count = columns.value.value?.count ?? 0;
  const images = count > 0 && contentUrl(0) !== null;
  const [pitch, size] = images ? [32, 28] : [12, 10];
  const { ref, from, to, width, onScroll, show } = useVirtualList(pitch, 1e9);
  const across = Math.max(1, Math.floor((width - 24) / pitch));
  const lines = Math.ceil(count / across);
  const members = highlighted.value;
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    const { instance } = hover.peek();
    if (by !== undefined) {
      const next = instance === undefined ? from * across : Math.max(0, Math.min(count - 1, instance + by));
      setHover({ instance: next });
      show(Math.floor(next / across));
    } else if (event.key === "Enter" && instance !== undefined) clickInstance(instance);
    else return;
    event.preventDefault();
  };
  const cells = [];
  for (let index = from * across; index < Math.min(count, Math.min(to, lines) * across); index++) {
    const place = {
      left: `${12 + (index % across) * pitch}px`,
      top: `${Math.floor(index / across) * pitch}px`,
      width: `${size}px`,
      height: `${size}px`,
    };
    const isPinned = pinned.value.includes(index);
    const isHovered = hoveredInstance.value === index;
    const isDim = members && members[index] !== 1;
    const classes = `grid-cell${isPinned ? " pinned" : ""}${isHovered ? " here" : ""}${isDim ? " dim" : ""}`;
    const prediction = columns.value.value?.prediction[index] ?? -1;
    cells.push(
      <div
        key={index}
        role="option"
        aria-selected={isPinned}
        aria-label={instanceName(index)}
        class={classes}
        title={instanceName(index)}
        style={{ ...place, background: images ? undefined : classColour(prediction) }}
        onPointerEnter={() => setHover({ instance: index })}
        onClick={() => clickInstance(index)}
      >
        {images && <Thumbnail index={index} size={size} />}
      </div>,
    );
  }
  return (
    <div
      ref={ref}
      class="grid-scroll"
      role="listbox"
      aria-label="Instances"
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={keys}
      onPointerLeave={clearHover}
      onBlur={clearHover}
    >
      <div style={{ height: `${lines * pitch + 12}px` }}>{cells}</div>
    </div>
  );
}
