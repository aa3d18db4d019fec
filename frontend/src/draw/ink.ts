/** The ink for text on a colour: dark or light, whichever stands out more. */

const linear = (byte: number): number => {
  const share = byte / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};

const LIGHT = "#ffffff";
const DARK = "#212121";

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => linear(Number.parseInt(colour.slice(at, at + 2), 16)));
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** `colour`: as #rrggbb. */
export function inkOn(colour: string): string {
  const [own, dark] = [luminance(colour), luminance(DARK)];
  return 1.05 / (own + 0.05) >= (own + 0.05) / (dark + 0.05) ? LIGHT : DARK;
}
