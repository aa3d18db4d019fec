/** What graph, matrix and instances are, in three marks that point at them, on a first visit. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { openLayers } from "../../state/derived";
import { endFirstVisit } from "../../state/firstVisit";
import { matrixOf } from "../../state/matrices";
import { graphWidth, instancesWidth, panelHeight, viewport } from "../../state/panes";
import "../../lib/laterStyles";

interface Mark {
  /** The element that is pointed at, and how far down in it, 0 to 1. */
  at: string;
  down: number;
  title: string;
  words: string;
}

const MARKS: readonly Mark[] = [
  {
    at: ".pane.graph",
    down: 0.5,
    title: "The model",
    words: "Data flow from top to bottom. Click a layer that is recorded to open its activations.",
  },
  {
    at: ".layer-matrix",
    down: 0.85,
    title: "The activations",
    words:
      "A row per class or subset, a column per neuron. Point at a row and click A, then B on another: the neurons that " +
      "tell them apart come first.",
  },
  {
    at: ".pane.instances",
    down: 0.3,
    title: "The instances",
    words: "A mark for each. Click one to see what it is, what is like it, and the neurons behind its prediction.",
  },
];

const [WIDTH, EDGE, TIP] = [224, 12, 6];

/** Over the panes, but in nobody's way: a click, wherever it is, goes where it was meant to, and ends them. */
export function FirstVisit(): JSX.Element | null {
  const ready = openLayers.value.some((layer) => matrixOf(layer).value.value !== null);
  useEffect(() => {
    if (!ready) return undefined;
    const press = (event: KeyboardEvent): void => {
      if (event.key === "Escape" || event.key === "?") endFirstVisit();
    };
    document.addEventListener("click", endFirstVisit, true);
    window.addEventListener("keydown", press);
    return () => {
      document.removeEventListener("click", endFirstVisit, true);
      window.removeEventListener("keydown", press);
    };
  }, [ready]);
  return ready ? (
    <aside class="first-visit" aria-label="First steps">
      {MARKS.map((mark) => (
        <Pointing key={mark.at} {...mark} last={mark === MARKS.at(-1)} />
      ))}
    </aside>
  ) : null;
}

function Pointing({ at, down, title, words, last }: Mark & { last: boolean }): JSX.Element | null {
  const [place, setPlace] = useState<{ left: number; top: number; tip: number } | null>(null);
  const { width, height } = viewport.value;
  useLayoutEffect(() => {
    const box = document.querySelector(at)?.getBoundingClientRect();
    if (!box || box.width === 0) return setPlace(null);
    const middle = box.left + box.width / 2;
    const left = Math.max(EDGE, Math.min(middle - WIDTH / 2, window.innerWidth - WIDTH - EDGE));
    setPlace({ left, top: box.top + down * box.height, tip: Math.min(middle, window.innerWidth - EDGE) - left });
  }, [width, height, graphWidth.value, instancesWidth.value, panelHeight.value]);
  if (!place) return null;
  return (
    <div class="tooltip" style={{ left: `${place.left}px`, top: `${place.top}px`, width: `${WIDTH}px` }}>
      <i style={{ left: `${place.tip - TIP}px` }} />
      <b>{title}</b>
      <p>{words}</p>
      {last && (
        <p class="first-visit-end">
          <span class="second">
            Press <b>?</b> for more.
          </span>
          <button type="button" class="button" onClick={endFirstVisit}>
            Got it
          </button>
        </p>
      )}
    </div>
  );
}
