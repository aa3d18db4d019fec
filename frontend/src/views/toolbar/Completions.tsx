import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Completion } from "../../state/completion";

export const LIST_ID = "expression-completions";
export const optionId = (index: number): string => `${LIST_ID}-${index}`;

interface Properties {
  found: readonly Completion[];
  active: number;
  onChoose: (chosen: Completion) => void;
  onPoint: (index: number) => void;
}

/** What the expression can go on with. The caret stays in the text: the field itself moves through the list. */
export function Completions({ found, active, onChoose, onPoint }: Properties): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <div ref={list} id={LIST_ID} class="menu expression-completions" role="listbox" aria-label="Completions">
      {found.map((completion, index) => (
        // The field must not lose the focus by the click.
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
