/** Shortens names that are too long, keeping what tells them from the others. */

/** Letters of the beginning that stay in front of the ellipsis. */
const HEAD = 6;

/**
 * The names that are longer than `most`, with a shorter form of at most `most` letters: "layer3.…k3_out". The part in
 * which a name differs from the one most like it is kept.
 */
export function shortNames(names: readonly string[], most: number): Map<string, string> {
  const short = new Map<string, string>();
  const sorted = [...new Set(names)].sort();
  sorted.forEach((name, i) => {
    if (name.length <= most) return;
    const [before, after] = [shared(name, sorted[i - 1]), shared(name, sorted[i + 1])];
    short.set(name, shorten(name, Math.max(before, after), most));
  });
  return short;
}

/** `same`: how many letters at the beginning another name has, too. */
function shorten(name: string, same: number, most: number): string {
  // What differs begins early enough to be seen in front of an ellipsis at the end.
  if (same < most - 4) return `${name.slice(0, most - 1)}…`;
  // From the beginning of the word in which the difference lies, if there is room for it.
  const word = name.slice(0, same).search(/[^\p{L}\p{N}]*[\p{L}\p{N}]*$/u);
  const room = most - HEAD - 1;
  const start = same - word <= room - 3 ? word : Math.max(0, same - 2);
  const tail = name.slice(start);
  if (tail.length <= room) {
    // The end fits: as much before it as there is room for.
    return `${name.slice(0, most - tail.length - 1).trimEnd()}…${tail}`;
  }
  return `${name.slice(0, HEAD).trimEnd()}…${tail.slice(0, room - 1)}…`;
}

function shared(name: string, other: string | undefined): number {
  if (other === undefined) return 0;
  let same = 0;
  while (same < name.length && name[same] === other[same]) same++;
  return same;
}

/** The text, or as much of its beginning and end as fit: names of modules differ at the end. `width` measures a text. */
export function cutMiddle(text: string, room: number, width: (text: string) => number, least = 4): string {
  if (width(text) <= room) return text;
  let [low, high] = [0, text.length - 1];
  const of = (letters: number): string => {
    const end = Math.ceil(letters * 0.6);
    return `${text.slice(0, letters - end)}…${text.slice(text.length - end)}`;
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (width(of(middle)) <= room) low = middle;
    else high = middle - 1;
  }
  return low < least ? "" : of(low);
}

/** "features.4 · Linear": a module whose name is a number says what it is. */
export function typedName(name: string, type: string | undefined): string {
  return type && /(?:^|[./])\d+(?:@\d+)?$/.test(name) ? `${name} · ${type}` : name;
}
