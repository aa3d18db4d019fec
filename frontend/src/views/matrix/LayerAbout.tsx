/** Facts and warnings about a layer. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/tooltipPlace";
import { Tooltip } from "../controls/Tooltip";

/** Truncated if there is no room; in full in a tooltip on hover and focus. */
export function LayerAbout({ facts, warnings }: { facts: string[]; warnings: string[] }): JSX.Element {
  const [box, setBox] = useState<Box | null>(null);
  const show = ({ currentTarget }: Event): void => setBox((currentTarget as HTMLElement).getBoundingClientRect());
  const hide = (): void => setBox(null);
  return (
    <div
      class="matrix-about caption"
      role="group"
      aria-label={[...facts, ...warnings].join(", ")}
      tabIndex={0}
      onPointerEnter={show}
      onPointerLeave={hide}
      onFocus={show}
      onBlur={hide}
    >
      <span class="matrix-facts">
        {facts.map((fact, i) => (
          <span key={i}>
            {i > 0 && " · "}
            {fact}
          </span>
        ))}
      </span>
      {warnings.length > 0 && (
        <span class="accent matrix-warning">
          <span>{warnings[0]}</span>
          {warnings.length > 1 && (
            <>
              <span class="matrix-roomy">, {warnings.slice(1).join(", ")}</span>
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
