/** A name that gives way before its ellipsis, so that its end, which tells it from others, stays. */

import type { JSX } from "preact";
import { shortOf } from "../../state/derived";

/** `short` is the name with an ellipsis in it, or the name itself; by default as class names are written. */
export function Name({ name, short = shortOf(name) }: { name: string; short?: string }): JSX.Element {
  const at = short.indexOf("…");
  if (short === name || at < 0) return <>{name}</>;
  return (
    <>
      <span class="ends" aria-hidden="true" title={name}>
        <span>{short.slice(0, at)}</span>
        <span>{short.slice(at)}</span>
      </span>
      <span class="hidden-text">{name}</span>
    </>
  );
}
