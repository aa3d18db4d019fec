/** Material icons, and a button that is only an icon. */

import type { JSX } from "preact";

/** Material icons (Apache 2.0), 24 x 24; circles are written as arcs. */
const PATHS = {
  add: "M19 13h-6v6h-2v-6H5v-2h6V5h2v6h6z",
  check: "M9 16.17L4.83 12l-1.42 1.41L9 19 21 7l-1.41-1.41z",
  chevronLeft: "M15.41 7.41L14 6l-6 6 6 6 1.41-1.41L10.83 12z",
  chevronRight: "M10 6L8.59 7.41 13.17 12l-4.58 4.59L10 18l6-6z",
  close: "M19 6.41L17.59 5 12 10.59 6.41 5 5 6.41 10.59 12 5 17.59 6.41 19 12 13.41 17.59 19 19 17.59 13.41 12z",
  copy: "M16 1H4a2 2 0 00-2 2v14h2V3h12zm3 4H8a2 2 0 00-2 2v14a2 2 0 002 2h11a2 2 0 002-2V7a2 2 0 00-2-2zm0 16H8V7h11z",
  download: "M5 20h14v-2H5zM19 9h-4V3H9v6H5l7 7z",
  dropDown: "M7 10l5 5 5-5z",
  expandLess: "M12 8l-6 6 1.41 1.41L12 10.83l4.59 4.58L18 14z",
  expandMore: "M16.59 8.59L12 13.17 7.41 8.59 6 10l6 6 6-6z",
  facets: "M4 20h4V11H4zm6 0h4V4h-4zm6 0h4v-6h-4z",
  fit: "M7 14H5v5h5v-2H7zm-2-4h2V7h3V5H5zm12 7h-3v2h5v-5h-2zM14 5v2h3v3h2V5z",
  help:
    "M11 18h2v-2h-2zm1-16a10 10 0 100 20 10 10 0 000-20zm0 18a8 8 0 110-16 8 8 0 010 16zm0-14a4 4 0 00-4 4h2a2 2 0 014 0" +
    "c0 2-3 1.75-3 5h2c0-2.25 3-2.5 3-5a4 4 0 00-4-4z",
  link:
    "M3.9 12A3.1 3.1 0 017 8.9h4V7H7a5 5 0 000 10h4v-1.9H7A3.1 3.1 0 013.9 12zM8 13h8v-2H8z" +
    "m9-6h-4v1.9h4a3.1 3.1 0 010 6.2h-4V17h4a5 5 0 000-10z",
  more: "M12 4a2 2 0 100 4 2 2 0 000-4zm0 6a2 2 0 100 4 2 2 0 000-4zm0 6a2 2 0 100 4 2 2 0 000-4z",
  pause: "M6 19h4V5H6zm8-14v14h4V5z",
  pin: "M16 9V4h1a1 1 0 000-2H7a1 1 0 000 2h1v5a3 3 0 01-3 3v2h6v7l1 1 1-1v-7h6v-2a3 3 0 01-3-3z",
  play: "M8 5v14l11-7z",
  search: "M15.5 14h-.8l-.3-.3a6.5 6.5 0 10-.7.7l.3.3v.8l5 5 1.5-1.5zm-6 0a4.5 4.5 0 110-9 4.5 4.5 0 010 9z",
  timeline:
    "M23 8a2 2 0 01-2.5 1.93l-3.57 3.55a2 2 0 11-3.86 0l-2.55-2.55a2 2 0 01-1.04 0l-4.55 4.56a2 2 0 11-1.42-1.42" +
    "l4.56-4.55a2 2 0 113.86 0l2.55 2.55a2 2 0 011.04 0l3.55-3.56A2 2 0 1123 8z",
  warning: "M1 21h22L12 2zm12-3h-2v-2h2zm0-4h-2v-4h2z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A button that is only an icon; `label` is its name and its title. */
export function IconButton(properties: {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  size?: number;
  pressed?: boolean;
  disabled?: boolean;
}): JSX.Element {
  const { icon, label, onClick, size, pressed, disabled } = properties;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} size={size} />
    </button>
  );
}
