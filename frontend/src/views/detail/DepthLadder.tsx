/** Prediction by depth of an instance: a rung per block, with what the model's last norm and head read of its output. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { BlockReading, Depth, DepthHistory } from "../../api/types";
import { classColour } from "../../draw/classes";
import { fixed, integer, percent } from "../../draw/format";
import { inkOn } from "../../draw/ink";
import { withoutParents } from "../../layout/names";
import { showLayer } from "../../state/actions";
import { layers, snapshot } from "../../state/data";
import { depthOf, depthOverSteps } from "../../state/depth";
import { shortOf } from "../../state/derived";
import { Loading } from "../controls/Loading";
import { Swatch } from "../controls/Swatch";
import "../../lib/laterStyles";

const TOKENS: Record<string, string> = {
  first: "of its first token",
  last: "of its last token",
  next: "of the last token: what comes next",
};
/** So many of the likeliest have a segment of their own. */
const SEGMENTS = 4;
/** From these probabilities on a segment has room for its name, and for the number as well. */
const [NAMED, NUMBERED] = [0.12, 0.3];

const indexOf = (name: string): number => snapshot.value.value?.class_names.indexOf(name) ?? -1;
/** Classes without names are called by their index, tokens by their number. */
const nameOf = (name: string, depth: Depth): string =>
  depth.token === "next" && /^\d+$/.test(name) ? `#${name}` : name;

export function DepthLadder({ index }: { index: number }): JSX.Element {
  const [depth] = useState(() => depthOf(index));
  const [history] = useState(depthOverSteps);
  const { value } = depth.value;
  return (
    <section class="detail-section detail-depth" aria-label="Prediction by depth">
      <h3>
        Prediction by depth
        {value && (
          <span class="second cut">
            {TOKENS[value.token]}
            {value.label !== null && (
              <>
                {value.token && ", "}label {value.token !== "next" && <Swatch index={indexOf(value.label)} />}{" "}
                {shortOf(nameOf(value.label, value))}
              </>
            )}
          </span>
        )}
      </h3>
      <Loading load={depth.value} what="Prediction by depth">
        {(known) => <Rungs depth={known} history={history.value.value} />}
      </Loading>
    </section>
  );
}

function Rungs({ depth, history }: { depth: Depth; history: DepthHistory | null }): JSX.Element {
  const names = withoutParents(depth.blocks.map(({ layer }) => layer));
  return (
    <>
      <table class="depth-ladder">
        <thead>
          <tr class="second">
            <th>after</th>
            <th>p of the likeliest</th>
            <th class="number">rank</th>
            <th class="number" title={`Share right, of ${integer(depth.counted)} instances; the line: over the steps`}>
              right
            </th>
          </tr>
        </thead>
        <tbody>
          {depth.blocks.map((block, i) => (
            <Rung key={block.layer} name={names[i]!} block={block} depth={depth} history={history} />
          ))}
        </tbody>
      </table>
      <p class="depth-words second">
        The model's own last norm and classifier, read after each block. An approximation: early blocks may not mean
        what it reads. Right, of {integer(depth.counted)}.
      </p>
    </>
  );
}

function Rung({
  name: shortName,
  block,
  depth,
  history,
}: {
  name: string;
  block: BlockReading;
  depth: Depth;
  history: DepthHistory | null;
}): JSX.Element {
  const { layer, scores, rank, right } = block;
  const shown = scores.slice(0, SEGMENTS);
  const said = scores.map(({ class: name, score }) => `${nameOf(name, depth)} ${fixed(score)}`).join(", ");
  const isRecorded = layers.value.has(layer);
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="depth-layer"
          disabled={!isRecorded}
          title={isRecorded ? `${layer}: open it, and show it in the graph` : `${layer} is not recorded`}
          onClick={() => showLayer(layer)}
        >
          {shortName}
        </button>
      </th>
      <td>
        <span class="depth-bar" role="img" aria-label={said || "Nothing was read."} title={said || "Nothing was read."}>
          {shown.map(({ class: name, score }, place) => {
            const background = depth.token === "next" ? `var(--depth-${place})` : classColour(indexOf(name));
            const ink = depth.token === "next" ? "var(--text)" : inkOn(background);
            return (
              <span
                key={name}
                class={`cut${name === depth.label ? " own" : ""}`}
                style={{ flex: `0 1 ${(100 * (score ?? 0)).toFixed(2)}%`, background, color: ink }}
              >
                {(score ?? 0) >= NAMED && shortOf(nameOf(name, depth))}
                {(score ?? 0) >= NUMBERED && ` ${fixed(score)}`}
              </span>
            );
          })}
        </span>
      </td>
      <td class={`number${rank === 1 ? " own" : ""}`}>{rank === null ? "" : integer(rank)}</td>
      <td class="number depth-right">
        <Steps layer={layer} history={history} />
        {percent(right)}
      </td>
    </tr>
  );
}

/** The share right after a block over the steps, from 0 to 1. */
function Steps({ layer, history }: { layer: string; history: DepthHistory | null }): JSX.Element | null {
  if (!history || history.steps.length < 2) return null;
  const [place, width] = [history.layers.indexOf(layer), history.layers.length];
  const points = history.steps.flatMap((_, step) => {
    const share = history.right[step * width + place]!;
    return Number.isFinite(share)
      ? [`${((40 * step) / (history.steps.length - 1)).toFixed(1)},${(13 - 12 * share).toFixed(1)}`]
      : [];
  });
  return (
    <svg class="depth-steps" width="40" height="14" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
