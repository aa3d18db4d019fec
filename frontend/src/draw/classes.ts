/** The categorical colours of the classes, per theme. */

import { type Theme, theme } from "./theme";

/**
 * Twenty colours per theme, of the same hue in both. The first ten are told apart with protanopia and deuteranopia too
 * (ΔE2000 of at least 12), and stand out from the page by 3 to 1. Beyond ten, colour alone is not enough.
 */
export const CLASSES: Record<Theme, readonly string[]> = {
  light: [
    "#344ef1",
    "#7e7900",
    "#b45773",
    "#009c9f",
    "#651300",
    "#b68562",
    "#654676",
    "#0194e6",
    "#41663c",
    "#690033",
    "#005c53",
    "#2a1397",
    "#704a00",
    "#017f73",
    "#b91935",
    "#5d0060",
    "#0188a9",
    "#aa625a",
    "#911f4f",
    "#50a000",
  ],
  dark: [
    "#597dff",
    "#ede200",
    "#ffa9bf",
    "#a2feff",
    "#e98269",
    "#ffc9a4",
    "#a789b9",
    "#93ceff",
    "#199c00",
    "#d35a84",
    "#239d8f",
    "#96a3ff",
    "#eeac45",
    "#02e3cd",
    "#d56e70",
    "#ca55cd",
    "#6dbbd7",
    "#e69f97",
    "#ee82a4",
    "#96d573",
  ],
};
const NONE: Record<Theme, string> = { light: "#9aa0a6", dark: "#8a8f94" };

/**
 * Colour of a class by its index; grey for none (-1). Colours repeat from the 21st class on; then only chosen rows are
 * coloured.
 */
export function classColour(index: number, now: Theme = theme.value): string {
  const palette = CLASSES[now];
  return index < 0 || !Number.isInteger(index) ? NONE[now] : (palette[index % palette.length] ?? NONE[now]);
}

export const noColour = (now: Theme = theme.value): string => NONE[now];
