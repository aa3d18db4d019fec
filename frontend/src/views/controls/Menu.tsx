/** A pop-up list of options with keyboard support. */

import { type ComponentChildren, type CSSProperties, Fragment, type JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Option<T> {
  value: T;
  /** For type-ahead and for screen readers. */
  label: string;
  /** What is drawn instead of the label. */
  content?: ComponentChildren;
  /** Secondary text on the right. */
  detail?: ComponentChildren;
  disabled?: boolean;
  /** A heading above this option. */
  heading?: string;
}

interface Properties<T> {
  anchor: HTMLElement;
  options: readonly Option<T>[];
  value?: T;
  label: string;
  onChoose: (value: T) => void;
  onClose: () => void;
}

/** With more options than this, a text box finds them. */
const MOST = 20;

/** Arrow keys, Home, End and letters move, Enter chooses, Escape closes. A long list has a text box to search it. */
export function Menu<T>({ anchor, options: all, value, label, onChoose, onClose }: Properties<T>): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState("");
  const searched = all.length > MOST;
  const words = typed.trim().toLowerCase();
  const options = words === "" ? all : all.filter((option) => option.label.toLowerCase().includes(words));
  const selected = options.findIndex((option) => option.value === value && !option.disabled);
  const [active, setActive] = useState(selected >= 0 ? selected : options.findIndex((option) => !option.disabled));
  const [place, setPlace] = useState<CSSProperties>({ opacity: "0" });

  useLayoutEffect(() => {
    if (!list.current) return;
    const [at, own] = [anchor.getBoundingClientRect(), list.current.getBoundingClientRect()];
    const below = window.innerHeight - at.bottom - 8;
    const up = below < own.height && at.top > below;
    const left = Math.max(4, Math.min(at.left, window.innerWidth - own.width - 4));
    const room = Math.max(80, up ? at.top - 8 : below);
    const edge = up ? { bottom: `${window.innerHeight - at.top + 2}px` } : { top: `${at.bottom + 2}px` };
    // The width stays while the list gets shorter.
    setPlace({ ...edge, left: `${left}px`, maxHeight: `${room}px`, minWidth: `${own.width}px` });
    (field.current ?? list.current).focus();
  }, []);

  useEffect(() => {
    list.current?.querySelector(`[data-index="${active}"]`)?.scrollIntoView({ block: "nearest" });
  }, [active]);

  useEffect(() => {
    const outside = (event: Event): void => {
      const target = event.target as Node;
      if (!list.current?.contains(target) && !anchor.contains(target)) onClose();
    };
    document.addEventListener("pointerdown", outside, true);
    window.addEventListener("blur", onClose);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      window.removeEventListener("blur", onClose);
    };
  }, []);

  /** Returns the focus to the anchor, or to the button in it. */
  const back = (): void => (anchor.tabIndex < 0 ? (anchor.querySelector("button") ?? anchor) : anchor).focus();
  const step = (from: number, by: number): number => {
    for (let i = from + by; i >= 0 && i < options.length; i += by) if (!options[i]?.disabled) return i;
    return from;
  };
  const choose = (index: number): void => {
    const option = options[index];
    if (!option || option.disabled) return;
    onClose();
    back();
    onChoose(option.value);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const moves: Record<string, () => void> = {
      ArrowDown: () => setActive(step(active, 1)),
      ArrowUp: () => setActive(step(active, -1)),
      ...(typed === "" && {
        Home: () => setActive(step(-1, 1)),
        End: () => setActive(step(options.length, -1)),
      }),
      Enter: () => choose(active),
      ...(!searched && { " ": () => choose(active) }),
      Escape: () => {
        onClose();
        back();
      },
      Tab: () => onClose(),
    };
    const move = moves[event.key];
    if (move) {
      if (event.key !== "Tab") event.preventDefault();
      event.stopPropagation();
      move();
    } else if (event.key.length === 1 && !searched) {
      const match = options.findIndex(
        (option) => !option.disabled && option.label.toLowerCase().startsWith(event.key.toLowerCase()),
      );
      if (match >= 0) setActive(match);
    }
  };

  const found = options.map((option, index) => (
    <Fragment key={option.label}>
      {option.heading !== undefined && (
        <div class="menu-heading" role="presentation">
          {option.heading}
        </div>
      )}
      <div
        id={`menu-${index}`}
        data-index={index}
        role="option"
        aria-selected={option.value === value}
        aria-disabled={option.disabled}
        class={`menu-option${index === active ? " active" : ""}`}
        onPointerEnter={() => !option.disabled && setActive(index)}
        onClick={() => choose(index)}
      >
        <span class="menu-label">{option.content ?? <span class="cut">{option.label}</span>}</span>
        {option.detail !== undefined && <span class="menu-detail">{option.detail}</span>}
      </div>
    </Fragment>
  ));
  const activeId = options[active] && `menu-${active}`;
  if (!searched) {
    return (
      <div
        ref={list}
        class="menu"
        role="listbox"
        aria-label={label}
        tabIndex={0}
        style={place}
        onKeyDown={onKeyDown}
        aria-activedescendant={activeId}
      >
        {found}
      </div>
    );
  }
  return (
    <div ref={list} class="menu searched" style={place} onKeyDown={onKeyDown}>
      <input
        ref={field}
        type="text"
        role="combobox"
        aria-label={`Search: ${label}`}
        aria-expanded="true"
        aria-controls="menu-list"
        aria-activedescendant={activeId}
        placeholder="Search"
        spellcheck={false}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setActive(0);
        }}
      />
      <div id="menu-list" role="listbox" aria-label={label}>
        {found}
      </div>
      {options.length === 0 && <p class="menu-heading">Nothing matches.</p>}
    </div>
  );
}
