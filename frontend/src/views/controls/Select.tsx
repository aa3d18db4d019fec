import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon } from "./Icon";
import { Menu, type Option } from "./Menu";

interface Properties<T> {
  /** What it chooses; for screen readers. */
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChoose: (value: T) => void;
  /** What the button shows instead of the chosen option, and the same in words. */
  children?: ComponentChildren;
  says?: string;
  /** Without the filled ground, as "colour label" in a panel. */
  plain?: boolean;
  disabled?: boolean;
  /** What was chosen is awaited. */
  busy?: boolean;
}

/** A button that shows the choice and opens the list of options. */
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
  const chosen = options.find((option) => option.value === value);
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
        aria-label={`${label}: ${says ?? chosen?.label ?? ""}`}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            setOpen(true);
          }
        }}
      >
        <span class="select-value">{children ?? chosen?.content ?? <span class="cut">{chosen?.label}</span>}</span>
        <Icon name="dropDown" size={14} />
        {busy && <span class="progress" />}
      </button>
      {open && button.current && (
        <Menu
          anchor={button.current}
          label={label}
          options={options}
          value={value}
          onChoose={onChoose}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}
