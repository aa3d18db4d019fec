import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Box } from "../../layout/beside";
import { Tooltip } from "../controls/Tooltip";

/**
 * What a layer is and what is wrong with it: as much as there is room for, all of it to who points at it or comes by
 * keyboard.
 */
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
