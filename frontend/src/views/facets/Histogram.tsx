/** A facet of numbers or times: a histogram in which a range is brushed. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { NumberFacet, TimeFacet } from "../../api/types";
import { integer, tick } from "../../draw/format";
import { timeText } from "../../draw/times";
import { BARS, type Bins, barPath, binAt, binsOf } from "../../layout/facets";
import { followDrag } from "../../lib/drag";
import { literal } from "../../state/facetExpression";
import { choose, chosenIn } from "../../state/facets";
import { shownExpression } from "../../state/typed";

/** Grey is everything, dark what is typed. A drag writes a range, a click a bin, a click on that takes it out. */
export function Histogram({ facet }: { facet: NumberFacet | TimeFacet }): JSX.Element {
  const { name, counts, matching } = facet;
  const bins = counts.length;
  const [drawn, setDrawn] = useState<Bins | null>(null);
  const edges = facet.edges.map((edge) => (typeof edge === "number" ? edge : Date.parse(edge)));
  const { from, to } = chosenIn(name);
  const number = (text: string | null): number | null => {
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? Date.parse(value) : (value as number);
  };
  const written = from === null && to === null ? null : binsOf(edges, number(from), number(to));
  const shown = drawn ?? written;
  const most = Math.max(...counts);
  const said = (text: string): string => {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? timeText(value) : tick(value as number);
  };
  const edge = (at: number): string => said(literal(facet.edges[at] ?? 0));
  // An end at the edge of the histogram is open, to include what lies beyond.
  const write = ({ first, end }: Bins): void => {
    const [low, high] = [facet.edges[first], facet.edges[end]];
    choose(name, facet.type, {
      from: first === 0 || low === undefined ? null : literal(low),
      to: end === bins || high === undefined ? null : literal(high),
    });
  };
  const clear = (): void => choose(name, facet.type, {});
  const press = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const ground = event.currentTarget as HTMLElement;
    const { left, width } = ground.getBoundingClientRect();
    const at = (now: PointerEvent): number => binAt((now.clientX - left) / width, bins);
    const start = at(event);
    ground.setPointerCapture(event.pointerId);
    let range: Bins = { first: start, end: start + 1 };
    let moved = false;
    const move = (now: PointerEvent): void => {
      moved ||= Math.abs(now.clientX - event.clientX) > 3;
      if (!moved) return;
      range = { first: Math.min(start, at(now)), end: Math.max(start, at(now)) + 1 };
      setDrawn(range);
    };
    const end = (now: Event): void => {
      setDrawn(null);
      if (now.type === "pointercancel") return;
      // A click within the brush takes it out; all bins together are no condition.
      if ((!moved && written && start >= written.first && start < written.end) || range.end - range.first === bins)
        clear();
      else write(range);
    };
    followDrag(ground, move, end);
  };
  const handle = (which: "first" | "end"): JSX.Element => {
    const now = shown ?? { first: 0, end: bins };
    const key = (event: KeyboardEvent): void => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -bins, End: bins }[event.key];
      if (event.key === "Escape" || event.key === "Delete") clear();
      else if (by === undefined) return;
      else {
        const next =
          which === "first"
            ? { ...now, first: Math.max(0, Math.min(now.end - 1, now.first + by)) }
            : { ...now, end: Math.min(bins, Math.max(now.first + 1, now.end + by)) };
        if (next.first === 0 && next.end === bins) clear();
        else write(next);
      }
      event.preventDefault();
      event.stopPropagation();
    };
    return (
      <span
        role="slider"
        tabIndex={0}
        class={`facet-handle${shown && (which === "first" ? now.first > 0 : now.end < bins) ? " set" : ""}`}
        style={{ left: `${(now[which] / bins) * 100}%` }}
        aria-label={`${name}, ${which === "first" ? "from" : "below"}`}
        aria-valuemin={0}
        aria-valuemax={bins}
        aria-valuenow={now[which]}
        aria-valuetext={edge(now[which])}
        onKeyDown={key}
      />
    );
  };
  const [low, high] = drawn
    ? [drawn.first === 0 ? null : edge(drawn.first), drawn.end === bins ? null : edge(drawn.end)]
    : [from && said(from), to && said(to)];
  const range = low === null || low === undefined ? (high ? `< ${high}` : "") : high ? `${low} to ${high}` : `≥ ${low}`;
  const [below, above] = facet.type === "number" ? [facet.below, facet.above] : [false, false];
  return (
    <>
      <div class="facet-histogram" onPointerDown={press}>
        {shown && (
          <span
            class="facet-brush"
            style={{ left: `${(shown.first / bins) * 100}%`, right: `${(1 - shown.end / bins) * 100}%` }}
          />
        )}
        <svg
          viewBox={`0 0 ${bins} ${BARS}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${name}: ${integer(counts.reduce((sum, count) => sum + count, 0))} instances from ${edge(0)} to ${edge(bins)}`}
        >
          <path class="facet-all" d={barPath(counts, most)} />
          {shownExpression.value !== "" && <path class="facet-some" d={barPath(matching, most)} />}
        </svg>
        {handle("first")}
        {handle("end")}
      </div>
      <div class="facet-ends">
        <span class={range ? "third" : ""}>
          {below && "≤ "}
          {edge(0)}
        </span>
        <b>{range}</b>
        <span class={range ? "third" : ""}>
          {above && "≥ "}
          {edge(bins)}
        </span>
      </div>
    </>
  );
}
