/** Which part of a long text is shown where there is no room for all of it. */

/** At most so many letters are shown before what is looked for. */
const BEFORE = 16;

/** Where the first of the words begins in a text; -1 where none does. */
export function firstMatch(text: string, words: readonly string[]): number {
  const places = words.map((word) => (word === "" ? -1 : text.indexOf(word))).filter((at) => at >= 0);
  return places.length > 0 ? Math.min(...places) : -1;
}

/**
 * The text from where it is worth reading, for a room of so many letters: from the start if the match at `at` is seen
 * there, else from the word shortly before it, with an ellipsis on the side that is cut.
 */
export function textWindow(text: string, at: number, room: number): string {
  const before = Math.min(BEFORE, Math.floor(room / 3));
  if (text.length <= room || at < 0 || at < room - BEFORE) return text;
  // Near the end, as much of it as there is room for.
  const from = Math.max(1, Math.min(at - before, text.length - room + 1));
  const space = text.lastIndexOf(" ", at - 1);
  const next = text.indexOf(" ", from - 1);
  const start = next >= 0 && next <= space ? next + 1 : from;
  return `…${text.slice(start)}`;
}

/** A token as it is shown: white space is quoted, for it would not be seen. */
export const visibleToken = (token: string): string => (/\S/.test(token) ? token : JSON.stringify(token));

/** Around the token that an instance is, in the text around it; hardly any text holds such characters. */
const [BEGIN, END] = ["\u0002", "\u0003"];

/** A token in its context as one text, which `markedPart` takes apart. */
export const marked = (before: unknown, token: unknown, after: unknown): string =>
  `${before ?? ""}${BEGIN}${token ?? ""}${END}${after ?? ""}`;

/** The token of a text of `marked`, and what is around it; null for any other text. */
export function markedPart(text: string): { before: string; token: string; after: string } | null {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) return null;
  return { before: text.slice(0, begin), token: text.slice(begin + 1, end), after: text.slice(end + 1) };
}
