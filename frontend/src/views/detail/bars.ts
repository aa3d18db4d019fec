/** Of a bar in a list of scores, which leaves room for its number however narrow the list is. */
export function barWidth(share: number): string {
  return `max(1.5px, min(100% - 32px, var(--longest-bar, 76px)) * ${share.toFixed(4)})`;
}
