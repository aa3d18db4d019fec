/** Material icons, and a button that is only an icon. */

import type { JSX } from "preact";

/** Material icons (Apache 2.0), 24 x 24. */
const PATHS = {
  add: "M19 13h-6v6h-2v-6H5v-2h6V5h2v6h6v2z",
  check: "M9 16.17L4.83 12l-1.42 1.41L9 19 21 7l-1.41-1.41z",
  chevronLeft: "M15.41 7.41L14 6l-6 6 6 6 1.41-1.41L10.83 12z",
  chevronRight: "M10 6L8.59 7.41 13.17 12l-4.58 4.59L10 18l6-6z",
  close: "M19 6.41L17.59 5 12 10.59 6.41 5 5 6.41 10.59 12 5 17.59 6.41 19 12 13.41 17.59 19 19 17.59 13.41 12z",
  copy:
    "M16 1H4c-1.1 0-2 .9-2 2v14h2V3h12V1zm3 4H8c-1.1 0-2 .9-2 2v14c0 1.1.9 2 2 2h11c1.1 0 2-.9 2-2V7" +
    "c0-1.1-.9-2-2-2zm0 16H8V7h11v14z",
  download: "M5 20h14v-2H5v2zM19 9h-4V3H9v6H5l7 7 7-7z",
  dropDown: "M7 10l5 5 5-5z",
  expandLess: "M12 8l-6 6 1.41 1.41L12 10.83l4.59 4.58L18 14z",
  expandMore: "M16.59 8.59L12 13.17 7.41 8.59 6 10l6 6 6-6z",
  facets: "M4 20h4V11H4v9zm6 0h4V4h-4v16zm6 0h4v-6h-4v6z",
  fit: "M7 14H5v5h5v-2H7v-3zm-2-4h2V7h3V5H5v5zm12 7h-3v2h5v-5h-2v3zM14 5v2h3v3h2V5h-5z",
  help:
    "M11 18h2v-2h-2v2zm1-16C6.48 2 2 6.48 2 12s4.48 10 10 10 10-4.48 10-10S17.52 2 12 2zm0 18c-4.41 0-8-3.59-8-8" +
    "s3.59-8 8-8 8 3.59 8 8-3.59 8-8 8zm0-14c-2.21 0-4 1.79-4 4h2c0-1.1.9-2 2-2s2 .9 2 2c0 2-3 1.75-3 5h2" +
    "c0-2.25 3-2.5 3-5 0-2.21-1.79-4-4-4z",
  link:
    "M3.9 12c0-1.71 1.39-3.1 3.1-3.1h4V7H7c-2.76 0-5 2.24-5 5s2.24 5 5 5h4v-1.9H7" +
    "c-1.71 0-3.1-1.39-3.1-3.1zM8 13h8v-2H8v2zm9-6h-4v1.9h4c1.71 0 3.1 1.39 3.1 3.1s-1.39 3.1-3.1 3.1h-4" +
    "V17h4c2.76 0 5-2.24 5-5s-2.24-5-5-5z",
  more:
    "M12 8c1.1 0 2-.9 2-2s-.9-2-2-2-2 .9-2 2 .9 2 2 2zm0 2c-1.1 0-2 .9-2 2s.9 2 2 2 2-.9 2-2-.9-2-2-2z" +
    "m0 6c-1.1 0-2 .9-2 2s.9 2 2 2 2-.9 2-2-.9-2-2-2z",
  pause: "M6 19h4V5H6v14zm8-14v14h4V5h-4z",
  pin:
    "M16 9V4h1c.55 0 1-.45 1-1s-.45-1-1-1H7c-.55 0-1 .45-1 1s.45 1 1 1h1v5c0 1.66-1.34 3-3 3v2h5.97v7" +
    "l1 1 1-1v-7H19v-2c-1.66 0-3-1.34-3-3z",
  play: "M8 5v14l11-7z",
  refresh:
    "M17.65 6.35C16.2 4.9 14.21 4 12 4c-4.42 0-7.99 3.58-7.99 8s3.57 8 7.99 8c3.73 0 6.84-2.55 7.73-6" +
    "h-2.08c-.82 2.33-3.04 4-5.65 4-3.31 0-6-2.69-6-6s2.69-6 6-6c1.66 0 3.14.69 4.22 1.78L13 11h7V4" +
    "l-2.35 2.35z",
  search:
    "M15.5 14h-.79l-.28-.27C15.41 12.59 16 11.11 16 9.5 16 5.91 13.09 3 9.5 3S3 5.91 3 9.5 5.91 16 9.5 16" +
    "c1.61 0 3.09-.59 4.23-1.57l.27.28v.79l5 4.99L20.49 19l-4.99-5zm-6 0C7.01 14 5 11.99 5 9.5" +
    "S7.01 5 9.5 5 14 7.01 14 9.5 11.99 14 9.5 14z",
  timeline:
    "M23 8a2 2 0 01-2.5 1.93l-3.57 3.55a2 2 0 11-3.86 0l-2.55-2.55a2 2 0 01-1.04 0l-4.55 4.56a2 2 0 11-1.42-1.42" +
    "l4.56-4.55a2 2 0 113.86 0l2.55 2.55a2 2 0 011.04 0l3.55-3.56A2 2 0 1123 8z",
  triangleDown: "M5 8h14l-7 8z",
  triangleRight: "M8 5v14l8-7z",
  warning: "M1 21h22L12 2 1 21zm12-3h-2v-2h2v2zm0-4h-2v-4h2v4z",
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
