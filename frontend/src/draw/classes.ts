/** The categorical colours of the classes, per theme. */

import { type Theme, theme } from "./theme";

/**
 * Twenty colours per theme, distinguishable with all three colour vision deficiencies. Beyond ten, colour alone is not
 * enough.
 */
const CLASSES: Record<Theme, readonly string[]> = {
  light: [
    "#2037ae",
    "#8e9c0f",
    "#8b356c",
    "#079ee3",
    "#966b51",
    "#525105",
    "#695ed9",
    "#47036d",
    "#e55ba4",
    "#5b0b19",
    "#b73e7d",
    "#622a52",
    "#af1137",
    "#b78b6f",
    "#757dfe",
    "#4a3184",
    "#828dba",
    "#8b60b1",
    "#b76b7b",
    "#60509f",
  ],
  dark: [
    "#198c67",
    "#fee830",
    "#a1f8dd",
    "#53a5f9",
    "#fd9e9d",
    "#a8b202",
    "#8562df",
    "#bec6fc",
    "#e366af",
    "#d64b12",
    "#7c9e79",
    "#77cfc7",
    "#cfcf41",
    "#b950ae",
    "#4ff89c",
    "#7584fe",
    "#71c076",
    "#b58f40",
    "#a889d1",
    "#a1acda",
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
