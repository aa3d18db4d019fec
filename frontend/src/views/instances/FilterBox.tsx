/** A text box that reports its text once typing pauses. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Time after the last key before the text is reported. */
const REST_MS = 250;

/** Calls `onType` once typing pauses. */
export function FilterBox({
  label,
  placeholder,
  value,
  wrong,
  onType,
}: {
  label: string;
  placeholder: string;
  value: string;
  wrong: string | undefined;
  onType: (text: string) => void;
}): JSX.Element {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <span class="table-typed">
      <input
        type="text"
        aria-label={label}
        placeholder={placeholder}
        defaultValue={value}
        aria-invalid={wrong !== undefined}
        title={wrong}
        spellcheck={false}
        onInput={(event) => {
          const { value: text } = event.currentTarget;
          clearTimeout(timer.current);
          timer.current = window.setTimeout(() => onType(text), REST_MS);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.currentTarget.value = "";
          onType("");
        }}
      />
    </span>
  );
}
