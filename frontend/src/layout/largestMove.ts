/** Finds where a curve moves most. */

export interface Known {
  step: number;
  value: number;
}

/** The two neighbouring points between which the value moves most, the first of several; null where it never moves. */
export function largestMove(
  points: readonly { step: number; value: number | null }[],
): { from: Known; to: Known } | null {
  const known = points.filter((point): point is Known => point.value !== null && Number.isFinite(point.value));
  let [best, most] = [-1, 0];
  for (let i = 1; i < known.length; i++) {
    const moved = Math.abs(known[i]!.value - known[i - 1]!.value);
    if (moved > most) [best, most] = [i, moved];
  }
  return best < 0 ? null : { from: known[best - 1]!, to: known[best]! };
}
