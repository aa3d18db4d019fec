/** Names of the positions of a pattern. */

/** The token at a position; its number where tokens are not known. */
export function tokenAt(tokens: readonly string[] | undefined, position: number): string {
  const token = tokens?.[position];
  return token === undefined ? String(position) : token.trim() || "␣";
}
