/** Ranks of values. */

/** Rank of each value, 0 (lowest) to 1; equal values get their mean rank; NaN for none. */
export function ranks(values: ArrayLike<number>): Float32Array {
  const order = Array.from({ length: values.length }, (_, i) => i)
    .filter((i) => !Number.isNaN(values[i]))
    .sort((a, b) => (values[a] as number) - (values[b] as number));
  const ranksOfValues = new Float32Array(values.length).fill(Number.NaN);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to++;
    for (let i = from; i < to; i++)
      ranksOfValues[order[i] as number] = order.length > 1 ? (from + to - 1) / 2 / (order.length - 1) : 0.5;
    from = to;
  }
  return ranksOfValues;
}
