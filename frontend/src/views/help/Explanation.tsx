/** What a term means, beside the word that was pointed at. */

import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { placeBeside } from "../../layout/tooltipPlace";
import { explained, help, leave, stay } from "../../state/help";
import "../../lib/laterStyles";
import { Docs, termPage } from "./Docs";
import { GLOSSARY } from "./glossary";

/** Unlike other tooltips it stays while the pointer is on it, so that its link can be reached. */
export function Explanation(): JSX.Element | null {
  const element = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  const now = explained.value;
  useLayoutEffect(() => {
    if (!now || !element.current) return setPlace(null);
    const { width, height } = element.current.getBoundingClientRect();
    const view = { left: 0, top: 0, width: window.innerWidth, height: window.innerHeight };
    setPlace(placeBeside(now.anchor, { width, height }, view));
  }, [now]);
  if (!now) return null;
  const { title, short, more } = GLOSSARY[now.term];
  return (
    <div
      ref={element}
      class="tooltip explanation"
      role="tooltip"
      style={place ? { left: `${place.left}px`, top: `${place.top}px` } : { left: "0", top: "0", visibility: "hidden" }}
      onPointerEnter={stay}
      onPointerLeave={leave}
    >
      <b>
        <Docs page={termPage(title)}>{title}</Docs>
      </b>
      <p>{short}</p>
      {more && <p class="second">{more}</p>}
      <button
        type="button"
        class="linked"
        onClick={() => {
          help.value = { term: now.term };
          explained.value = null;
        }}
      >
        All terms
      </button>
    </div>
  );
}
