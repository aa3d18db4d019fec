/** A chip with a swatch, a name and a button to remove it. */

import type { ComponentChildren, JSX } from "preact";
import { Icon } from "./Icon";

interface Properties {
  children: ComponentChildren;
  /** Round for subsets, square for instances. */
  shape?: "round" | "square";
  outlined?: boolean;
  lit?: boolean;
  /** For screen readers and the title of the close button. */
  name: string;
  onClick?: (event: MouseEvent) => void;
  /** Opens the menu of the row. */
  onMenu?: (event: MouseEvent) => void;
  onRemove?: () => void;
  onEnter?: () => void;
  onLeave?: () => void;
}

export function Chip({
  children,
  shape = "round",
  outlined,
  lit,
  name,
  onClick,
  onMenu,
  onRemove,
  onEnter,
  onLeave,
}: Properties): JSX.Element {
  return (
    <span
      class={`chip ${shape}${outlined ? " outlined" : ""}${lit ? " lit" : ""}`}
      onPointerEnter={onEnter}
      onPointerLeave={onLeave}
    >
      <button type="button" class="chip-body" onClick={onClick}>
        {children}
      </button>
      {onMenu && (
        <button
          type="button"
          class="chip-remove"
          aria-label={`Menu of ${name}`}
          title={`Menu of ${name}`}
          aria-haspopup="listbox"
          onClick={onMenu}
        >
          <Icon name="dropDown" size={14} />
        </button>
      )}
      {onRemove && (
        <button
          type="button"
          class="chip-remove"
          aria-label={`Remove ${name}`}
          title={`Remove ${name}`}
          onClick={onRemove}
        >
          <Icon name="close" size={12} />
        </button>
      )}
    </span>
  );
}
