/** The design tokens of the light and the dark theme, and which theme TensorBoard uses. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";

export type Theme = "light" | "dark";

/** Colours of the interface, for canvas and, as CSS variables (`--background` …), for CSS. */
export interface Tokens {
  background: string;
  fill: string;
  fill2: string;
  linePane: string;
  lineInner: string;
  tooltip: string;
  text: string;
  text2: string;
  text3: string;
  outline: string;
  accent: string;
  accentFill: string;
  accentWash: string;
  shadow: string;
}

export const TOKENS: Record<Theme, Tokens> = {
  light: {
    background: "#ffffff",
    fill: "#f5f6f7",
    fill2: "#eceef0",
    linePane: "#e4e6e9",
    lineInner: "#eff1f3",
    tooltip: "#ffffff",
    text: "#212121",
    text2: "#5f6368",
    text3: "#686e75",
    outline: "#c9cdd2",
    accent: "#b84300",
    accentFill: "#f57c00",
    accentWash: "rgba(196, 73, 0, 0.075)",
    shadow: "rgba(0, 0, 0, 0.24)",
  },
  dark: {
    background: "#303030",
    fill: "#3a3a3a",
    fill2: "#444444",
    linePane: "#484848",
    lineInner: "#3c3c3c",
    tooltip: "#232323",
    text: "#ffffff",
    text2: "#c0c3c7",
    text3: "#a2a6ab",
    outline: "#5e5e5e",
    accent: "#ffab40",
    accentFill: "#ffab40",
    accentWash: "rgba(255, 171, 64, 0.11)",
    shadow: "rgba(0, 0, 0, 0.6)",
  },
};

export const theme = signal<Theme>("light");
export const tokens: ReadonlySignal<Tokens> = computed(() => TOKENS[theme.value]);

/** Writes the tokens as CSS variables: `fill2` becomes `--fill2`, `linePane` `--line-pane`. */
export function writeTokens(element: HTMLElement, now: Theme): void {
  for (const [name, value] of Object.entries(TOKENS[now])) {
    element.style.setProperty(`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, value);
  }
  element.style.colorScheme = now;
  element.dataset.theme = now;
}

/** Follows TensorBoard's dark mode; outside of TensorBoard the system's. Returns a function that stops it. */
export function followTheme(host: Window): () => void {
  const { body } = host.document;
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const inside = host !== window;
  const read = (): void => {
    const dark =
      body.classList.contains("dark-mode") || (!inside && media.matches && !body.classList.contains("light-mode"));
    theme.value = dark ? "dark" : "light";
  };
  const observer = new MutationObserver(read);
  observer.observe(body, { attributes: true, attributeFilter: ["class"] });
  media.addEventListener("change", read);
  read();
  return () => {
    observer.disconnect();
    media.removeEventListener("change", read);
  };
}
