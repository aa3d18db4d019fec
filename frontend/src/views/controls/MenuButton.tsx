/** A button that opens a menu of actions. */

import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";
import { Menu, type Option } from "./Menu";

/** The value of each option is the action. */
export function MenuButton({
  label,
  icon,
  class: name = "icon-button",
  options,
  children,
}: {
  label: string;
  icon?: IconName;
  class?: string;
  options: () => Option<() => void>[];
  children?: ComponentChildren;
}): JSX.Element {
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={name}
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-label={icon && label}
        title={icon && label}
        onClick={() => setOpen(!open)}
      >
        {icon ? <Icon name={icon} /> : children}
      </button>
      {open && button.current && (
        <Menu
          anchor={button.current}
          label={label}
          options={options()}
          onChoose={(act) => act()}
          onClose={() => setOpen(false)}
        />
      )}
    </>
  );
}
