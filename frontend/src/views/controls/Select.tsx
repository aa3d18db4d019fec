/** A select button: shows the current option and opens the list of options. */

import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon } from "./Icon";
import { Menu, type Option } from "./Menu";

interface Properties<T> {
  /** Label for screen readers. */
  label: string;
  value: T;
  /** A function is called when the menu opens; then `children` and `says` tell what is selected. */
  options: readonly Option<T>[] | (() => readonly Option<T>[]);
  onChoose: (value: T) => void;
  /** Shown instead of the selected option; and the same as text. */
  children?: ComponentChildren;
  says?: string;
  /** Without a background, as "colour label" in a panel. */
  plain?: boolean;
  disabled?: boolean;
  /** The selected option is still loading. */
  busy?: boolean;
}

/** Shows the selected option and opens the menu of options. */
export function Select<T>({
  label,
  value,
  options,
  onChoose,
  children,
  says,
  plain,
  disabled,
  busy,
}: Properties<T>): JSX.Element {
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const selected = typeof options === "function" ? undefined : options.find((option) => option.value === value);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={`select${plain ? " plain" : ""}`}
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-busy={busy}
        disabled={disabled}
        aria-label={`${label}: ${says ?? selected?.label ?? ""}`}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            setOpen(true);
          }
        }}
      >
        <span class="select-value">{children ?? selected?.content ?? <span class="cut">{selected?.label}</span>}</span>
        <Icon name="dropDown" size={14} />
        {busy && <span class="progress" />}
      </button>
      {open && button.current && (
        <Menu
          anchor={button.current}
          label={label}
          options={typeof options === "function" ? options() : options}
          value={value}
          onChoose={onChoose}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}
