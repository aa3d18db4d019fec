/** A name that gives way in the middle when there is no room: names of runs differ at both ends. */

import type { JSX } from "preact";

/** Letters of the end that stay, of names that are longer than twice as many. */
const END = 8;

/** The whole name where there is room for it; the full name as its title. */
export function MiddleCut({ name }: { name: string }): JSX.Element {
  const at = name.length > 2 * END ? name.length - END : name.length;
  return (
    <span class="middle-cut" title={name}>
      <span class="cut">{name.slice(0, at)}</span>
      {at < name.length && <span>{name.slice(at)}</span>}
    </span>
  );
}
