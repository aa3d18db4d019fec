/** Facts and warnings about a layer. */

import { Fragment, type JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/tooltipPlace";
import type { TermName } from "../../state/help";
import { Term } from "../controls/Term";
import { Tooltip } from "../controls/Tooltip";

/** Facts and warnings that are explained, by how they end or begin. */
const TERMS: [RegExp, TermName][] = [
  [/kept$/, "kept"],
  [/^spatial |over positions$/, "spatial mean"],
  [/never above 0$/, "never above zero"],
  [/constant$/, "constant"],
  [/infinite$/, "nonfinite"],
  [/clipped$/, "clipped"],
  [/^paired by|^same neurons/, "paired"],
];

function Fact({ text }: { text: string }): JSX.Element | string {
  const name = TERMS.find(([pattern]) => pattern.test(text))?.[1];
  return name ? <Term name={name}>{text}</Term> : text;
}

const isCut = (element: Element): boolean =>
  [element, ...element.querySelectorAll(".matrix-facts, .matrix-warning")].some(
    ({ scrollHeight, clientHeight, scrollWidth, clientWidth }) =>
      scrollHeight > clientHeight + 1 || scrollWidth > clientWidth + 1,
  ) || [...element.querySelectorAll(".matrix-roomy")].some((part) => part.getClientRects().length === 0);

/** Truncated if there is no room; in full in a tooltip on hover and focus. */
export function LayerAbout({ facts, warnings }: { facts: string[]; warnings: string[] }): JSX.Element {
  const [box, setBox] = useState<Box | null>(null);
  const show = ({ currentTarget }: Event): void => setBox((currentTarget as HTMLElement).getBoundingClientRect());
  const showCut = (event: Event): void => void (isCut(event.currentTarget as HTMLElement) && show(event));
  const hide = (): void => setBox(null);
  return (
    <div
      class="matrix-about caption"
      role="group"
      aria-label={[...facts, ...warnings].join(", ")}
      tabIndex={0}
      onPointerEnter={showCut}
      onPointerLeave={hide}
      onFocus={show}
      onBlur={hide}
    >
      <span class="matrix-facts">
        {facts.map((fact, i) => (
          <span key={i}>
            {i > 0 && " · "}
            <Fact text={fact} />
          </span>
        ))}
      </span>
      {warnings.length > 0 && (
        <span class="accent matrix-warning">
          <span>
            <Fact text={warnings[0]!} />
          </span>
          {warnings.length > 1 && (
            <>
              <span class="matrix-roomy">
                {warnings.slice(1).map((warning) => (
                  <Fragment key={warning}>
                    , <Fact text={warning} />
                  </Fragment>
                ))}
              </span>
              <b> +{warnings.length - 1}</b>
            </>
          )}
        </span>
      )}
      {box && (
        <Tooltip anchor={box}>
          <div>{facts.join(" · ")}</div>
          <div class="accent">{warnings.join(", ")}</div>
        </Tooltip>
      )}
    </div>
  );
}
