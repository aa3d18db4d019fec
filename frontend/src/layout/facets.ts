/** Layout of a facet's histogram: bars as one path, and the bins of a brush. */

/** Height of the bars, in pixels. */
export const BARS = 54;
/** What is there is seen, however few it is of. */
const LEAST = 2;

/** Height of a bar, in pixels; nothing is 0, and everything else at least 2. */
export function barHeight(count: number, most: number): number {
  return count <= 0 ? 0 : Math.max(LEAST, (count / Math.max(1, most)) * BARS);
}

/** The bars as an SVG path, one unit wide each with a gap of a tenth, from the bottom up. */
export function barPath(counts: readonly number[], most: number): string {
  return counts
    .map((count, i) => {
      const height = barHeight(count, most);
      return height === 0 ? "" : `M${i + 0.05} ${BARS}v${-Math.round(height * 10) / 10}h.9V${BARS}z`;
    })
    .join("");
}

/** The first bin and the one behind the last of a range; null where it is open. */
export interface Bins {
  first: number;
  end: number;
}

/** The bins of a range. An end between two edges belongs to the bin that it cuts. */
export function binsOf(edges: readonly number[], from: number | null, to: number | null): Bins {
  const last = edges.length - 1;
  const first =
    from === null
      ? 0
      : Math.max(
          0,
          edges.findLastIndex((edge) => edge <= from),
        );
  const found = to === null ? -1 : edges.findIndex((edge) => edge >= to);
  const end = found < 0 ? last : found;
  return { first: Math.min(first, last - 1), end: Math.max(end, Math.min(first, last - 1) + 1) };
}

/** The bin at a share (0 to 1) of the width. */
export const binAt = (share: number, bins: number): number => Math.max(0, Math.min(bins - 1, Math.floor(share * bins)));
