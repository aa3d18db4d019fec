/** Formats numbers for reading: a real minus sign, thin spaces between thousands, only significant digits. */

const MINUS = "−";
const dash = "–";
/** Created once: toLocaleString creates one on every call, which is slow. */
const GROUPED = new Intl.NumberFormat("en-US");

/** "8,192"; "−3". */
export function integer(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value)
    ? dash
    : signs(GROUPED.format(Math.round(value)));
}

/** A fixed number of digits: "2.68", "−4.7". */
export function fixed(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined) return dash;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : `${MINUS}∞`;
  const text = value.toFixed(digits);
  return signs(Number(text) === 0 ? text.replace("-", "") : text);
}

/** With its sign: "+2.9", "−1.5", "0.0". */
export function signed(value: number | null | undefined, digits = 1): string {
  const text = fixed(value, digits);
  return value !== null && value !== undefined && Number(text.replace(MINUS, "-")) > 0 ? `+${text}` : text;
}

/** About three significant digits at any magnitude: "2.68", "0.0412", "13.4", "1,204", "3.1e−7". */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return fixed(value);
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return signs(value.toExponential(1).replace("e+", "e"));
  if (size >= 1000) return integer(value);
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4);
}

/**
 * A formatter like `short`, with the decimals that the median value needs for all values, so that a column aligns.
 * Considers the first thousand values.
 */
export function alignedFormat(values: ArrayLike<number | null>): (value: number | null | undefined) => string {
  const sizes = Array.from({ length: Math.min(1000, values.length) }, (_, i) => Math.abs(values[i] ?? 0))
    .filter((size) => size > 0 && size < Infinity)
    .sort((a, b) => a - b);
  const middle = short(sizes[sizes.length >> 1]);
  const whole = sizes.every(Number.isInteger);
  if (sizes.length === 0 || (!whole && middle.includes("e"))) return short;
  const digits = whole ? 0 : (middle.split(".")[1]?.length ?? 0);
  return (value) =>
    !Number.isFinite(value)
      ? fixed(value)
      : digits === 0
        ? integer(value)
        : Math.abs(value!) < 1e6
          ? fixed(value, digits)
          : short(value);
}

/** A tick label, without trailing zeros: "8", "1.2", "−8". */
export function tick(value: number): string {
  return signs(
    Math.abs(value) >= 10_000 ? value.toExponential(0).replace("e+", "e") : String(Number(value.toPrecision(3))),
  );
}

/** "95.0%". */
export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined || !Number.isFinite(share) ? dash : `${fixed(share * 100, digits)}%`;
}

/** "1×8×8", without the batch axis. */
export function sizes(values: readonly number[]): string {
  const own = values[0] === -1 ? values.slice(1) : values;
  return own.map((size) => (size < 0 ? "?" : String(size))).join("×") || "scalar";
}

/** "8 → 3". Names are isolated, or two right-to-left names would swap. */
export function arrow(from: string, to: string): string {
  return [from, to].map((name) => (/[\u0590-\u08ff]/.test(name) ? `\u2068${name}\u2069` : name)).join(" → ");
}

/** "3 classes", "1 class": English plurals. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${integer(value)} ${value === 1 ? one : many}`;
}

function signs(text: string): string {
  return text.replaceAll("-", MINUS);
}
