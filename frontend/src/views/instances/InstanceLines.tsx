/** The lines of a list of instances. The pointer and the arrow keys hover one, a click or Enter selects it. */

import type { ComponentChildren, JSX } from "preact";
import { clickInstance } from "../../state/actions";
import { instanceName, pinned } from "../../state/derived";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { selection } from "../../state/view";
import { InstanceText } from "../controls/InstanceText";
import { Thumbnail } from "../controls/Swatch";
import type { VirtualList } from "./virtualList";

/** Letters of a text that a line shows at least. */
const SEEN = 40;

interface Properties {
  label: string;
  indices: Int32Array;
  /** Height of a line. */
  line: number;
  list: VirtualList;
  /** Texts of the lines in sight; null: the instances have none. */
  texts: ReadonlyMap<number, string> | null;
  /** What a line shows after text, picture and name. */
  children: (index: number) => ComponentChildren;
}

export function InstanceLines({ label, indices, line, list, texts, children }: Properties): JSX.Element {
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const { instance } = hover.peek();
    const at = instance === undefined ? -1 : indices.indexOf(instance);
    if (by !== undefined) {
      const next = Math.max(0, Math.min(indices.length - 1, at + by));
      const index = indices[next];
      if (index === undefined) return;
      setHover({ instance: index });
      list.show(next);
    } else if (event.key === "Enter" && at >= 0) clickInstance(indices[at] as number);
    else return;
    event.preventDefault();
  };
  return (
    <div
      ref={list.ref}
      class="list-scroll"
      tabIndex={0}
      role="listbox"
      aria-label={label}
      onScroll={list.onScroll}
      onKeyDown={keys}
      onPointerLeave={clearHover}
      onBlur={clearHover}
    >
      <div style={{ height: `${indices.length * line}px` }}>
        {Array.from(indices.subarray(list.from, list.to), (index, i) => {
          const isSelected = selection.value?.kind === "instance" && selection.value.index === index;
          const strong = isSelected || hoveredInstance.value === index;
          return (
            <div
              key={index}
              role="option"
              aria-selected={isSelected}
              class={`list-row${strong ? " lit" : ""}${strong || pinned.value.includes(index) ? " strong" : ""}`}
              style={{ top: `${(list.from + i) * line}px` }}
              onClick={() => clickInstance(index)}
              onPointerEnter={() => setHover({ instance: index })}
            >
              {texts && (
                <span class="list-text cut" dir="auto">
                  <InstanceText index={index} text={texts.get(index) ?? "…"} room={SEEN} />
                </span>
              )}
              <span class={`list-name${texts ? " second" : ""}`}>
                <Thumbnail index={index} size={20} />
                <span class="cut">{instanceName(index)}</span>
              </span>
              {children(index)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
