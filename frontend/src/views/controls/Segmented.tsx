/** A segmented control: one of a few options, side by side. */

import type { ComponentChildren, JSX } from "preact";

interface Properties<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: ComponentChildren; title?: string }[];
  onChoose: (value: T) => void;
}

/** Arrow keys move the selection, as in a group of radio buttons. */
export function Segmented<T extends string>({ label, value, options, onChoose }: Properties<T>): JSX.Element {
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const index = (options.findIndex((option) => option.value === value) + by + options.length) % options.length;
    const next = options[index];
    if (!next) return;
    onChoose(next.value);
    const buttons = (event.currentTarget as HTMLElement).querySelectorAll("button");
    buttons[index]?.focus();
  };
  return (
    <div class="segmented" role="radiogroup" aria-label={label} onKeyDown={move}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          title={option.title}
          onClick={() => onChoose(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
