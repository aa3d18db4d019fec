/** The list of completions below the expression box. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Completion } from "../../state/completion";

export const LIST_ID = "expression-completions";
export const optionId = (index: number): string => `${LIST_ID}-${index}`;

interface Properties {
  completions: readonly Completion[];
  active: number;
  onChoose: (picked: Completion) => void;
  onPoint: (index: number) => void;
}

/** The focus stays in the text box, which moves the selection in this list. */
export function Completions({ completions, active, onChoose, onPoint }: Properties): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <div ref={list} id={LIST_ID} class="menu expression-completions" role="listbox" aria-label="Completions">
      {completions.map((completion, index) => (
        // The click must not take the focus from the text box.
        <div
          key={`${completion.label} ${completion.text}`}
          id={optionId(index)}
          role="option"
          aria-selected={index === active}
          class={`menu-option${index === active ? " active" : ""}`}
          onPointerDown={(event) => event.preventDefault()}
          onPointerEnter={() => onPoint(index)}
          onClick={() => onChoose(completion)}
        >
          <span class="menu-label code">{completion.label}</span>
          <span class="menu-detail">{completion.detail}</span>
        </div>
      ))}
    </div>
  );
}
