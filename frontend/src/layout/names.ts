/** Shortens names that are too long, keeping what tells them from the others. */

/** Letters of the beginning that stay in front of the ellipsis. */
const HEAD = 6;

/** Letters of what differs that are worth an ellipsis. */
const LEAST = 3;

/**
 * The names that are longer than `most`, with a shorter form of at most `most` letters: "layer3.…k3_out". The part in
 * which a name differs from the one most like it is kept.
 */
export function shortNames(names: readonly string[], most: number): Map<string, string> {
  const short = new Map<string, string>();
  for (const [name, same] of sharedLetters(names))
    if (name.length > most)
      short.set(
        name,
        cutName(name, same, (text) => text.length <= most),
      );
  return short;
}

/** How many letters at its beginning each name shares with the one most like it. */
export function sharedLetters(names: readonly string[]): Map<string, number> {
  const sorted = [...new Set(names)].sort();
  return new Map(sorted.map((name, i) => [name, Math.max(shared(name, sorted[i - 1]), shared(name, sorted[i + 1]))]));
}

/**
 * The name, or as much of it as fits, around what differs from its neighbours.
 *
 * `same`: letters at its beginning that a neighbour has, too. `ending`: share of the letters for the end of a name that
 * differs at its beginning; 0: the ellipsis is its end. Empty if there is no room for a few letters.
 */
export function cutName(name: string, same: number, fits: (text: string) => boolean, ending = 0): string {
  if (fits(name)) return name;
  const most = (form: (letters: number) => string, limit: number): number => {
    let [low, high] = [0, limit];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (fits(form(middle))) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  // What differs begins early enough to be seen in front of the ellipsis.
  const ends = (letters: number, back = Math.round(letters * ending)): string =>
    `${name.slice(0, letters - back)}…${name.slice(name.length - back)}`;
  const letters = most((count) => ends(count, 0), name.length - 1);
  if (letters < LEAST + 1) return "";
  if (same < letters - LEAST) {
    const both = most(ends, name.length - 1);
    return same <= both - Math.round(both * ending) - 2 ? ends(both) : ends(letters, 0);
  }
  // From the beginning of the word in which the difference lies, if there is room for it.
  const word = name.slice(0, same).search(/[^\p{L}\p{N}]*[\p{L}\p{N}]*$/u);
  for (const start of [word, Math.max(0, same - 2)]) {
    const whole = (front: number): string => `${name.slice(0, front).trimEnd()}…${name.slice(start)}`;
    if (fits(whole(0))) return whole(most(whole, start));
  }
  // Nor does the end fit: what differs, between two ellipses.
  const part = (start: number, front: number) => (count: number) =>
    `${name.slice(0, front).trimEnd()}…${name.slice(start, start + count)}…`;
  for (const [start, front] of [
    [word, HEAD],
    [Math.max(0, same - 2), HEAD],
  ] as const) {
    const count = most(part(start, front), name.length - start - 1);
    if (start + count >= same + LEAST - 1) return part(start, front)(count);
  }
  const start = Math.max(0, same - 1);
  return part(start, 0)(most(part(start, 0), name.length - start - 1));
}

/** Letters of an end that gives way to nothing. */
const END = 10;

/**
 * The name in two parts, of which the first may be cut at its end: what differs from the neighbours is in the second, if
 * it is near the end, else in the beginning of the first.
 */
export function inTwoParts(name: string, same: number): [string, string] {
  const word = name.slice(0, same).search(/[^\p{L}\p{N}]*[\p{L}\p{N}]*$/u);
  const start = name.length <= END ? 0 : Math.max(word, name.length - END);
  const at = start === word || name.length <= END ? start : name.length - 8;
  return [name.slice(0, at), name.slice(at)];
}

function shared(name: string, other: string | undefined): number {
  if (other === undefined) return 0;
  let same = 0;
  while (same < name.length && name[same] === other[same]) same++;
  return same;
}

/** "features.4 · Linear": a module whose name is a number says what it is. */
export function typedName(name: string, type: string | undefined): string {
  return type && /(?:^|[./])\d+(?:@\d+)?$/.test(name) ? `${name} · ${type}` : name;
}

/** Paths of modules without the parents that all of them have, but for the last of these: "layer.0", "layer.1". */
export function withoutParents(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split("."));
  const [first = []] = parts;
  let same = 0;
  while (same < first.length - 1 && parts.every((each) => each[same] === first[same])) same++;
  return parts.map((each) => each.slice(Math.max(0, same - 1)).join("."));
}
