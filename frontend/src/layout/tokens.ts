/** Tokens as a line of text: which stand apart, which belong together, and which part of a long text is shown. */

export interface Piece {
  text: string;
  /** Whether a space goes before it. */
  apart: boolean;
}

const MARKS: Record<string, string> = { "\n": "↵", "\t": "⇥" };

/**
 * Tokens as they are read. One that begins with a space stands apart from the one before; where none of them does, they
 * are words, and all stand apart. What would not be seen has a mark.
 */
export function piecesOf(tokens: readonly string[]): Piece[] {
  const words = !tokens.some((token, i) => i > 0 && /^\s+\S/.test(token));
  return tokens.map((token, i) => {
    const text = token.trim();
    const seen = text !== "" ? text : token === "" ? "∅" : Array.from(token, (letter) => MARKS[letter] ?? "␣").join("");
    return { text: seen, apart: i > 0 && (words || /^\s/.test(token)) };
  });
}

/** Share of the room before the peak, where the text is cut there. */
const BEFORE = 0.4;
/** So many times the letters that surely have room are drawn: what does not fit is cut by the view. */
const SPARE = 2;

/**
 * The part of a text that is drawn where so many letters have room, as first token and the one after the last: from the
 * start where the peak is seen there, else from shortly before the peak, or as much of the end as there is room for.
 */
export function tokenWindow(pieces: readonly Piece[], peak: number, room: number): [from: number, to: number] {
  const letters = pieces.map(({ text, apart }) => Array.from(text).length + (apart ? 1 : 0));
  const upTo = (from: number, most: number): number => {
    let [to, sum] = [from, 0];
    while (to < pieces.length && sum + (letters[to] as number) <= most) sum += letters[to++] as number;
    return Math.max(to, Math.min(from + 1, pieces.length));
  };
  let from = 0;
  if (peak >= upTo(0, room)) {
    const after = letters.slice(peak).reduce((sum, count) => sum + count, 0);
    let left = Math.max(room * BEFORE, room - after);
    from = peak;
    while (from > 0 && (letters[from - 1] as number) <= left) left -= letters[--from] as number;
  }
  return [from, Math.max(upTo(from, room * SPARE), Math.min(peak + 1, pieces.length))];
}
