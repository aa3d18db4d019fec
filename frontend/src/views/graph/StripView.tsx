/** The heat strip of a layer within a graph node. */

import type { JSX } from "preact";
import { fixed } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { neuronName } from "../../state/derived";
import { hover, setHover } from "../../state/hover";
import { hideTip, showTip } from "./graphTip";
import { STATES, stripOf, stripPicture } from "./strips";

/** Strips side by side, in execution order. */
export function Joined({ names, x, y, width }: { names: string[]; x: number; y: number; width: number }): JSX.Element {
  const gap = names.length > 12 ? 1 : 4;
  const each = (width - gap * (names.length - 1)) / names.length;
  return (
    <>
      {names.map((name, i) => (
        <StripView key={name} name={name} x={x + i * (each + gap)} y={y} width={each} />
      ))}
    </>
  );
}

/** Mean activation of each neuron, as a strip of colours; pointing at it hovers a neuron. */
export function StripView({ name, x, y, width }: { name: string; x: number; y: number; width: number }): JSX.Element {
  const strip = stripOf.value.get(name);
  if (!strip) return <rect x={x} y={y} width={width} height={8} fill={tokens.value.fill2} />;
  const point = (event: PointerEvent): void => {
    const element = event.currentTarget as Element;
    const at = element.getBoundingClientRect();
    const neuron = Math.max(
      0,
      Math.min(strip.mean.length - 1, Math.floor(((event.clientX - at.left) / at.width) * strip.mean.length)),
    );
    setHover({ layer: name, neuron });
    const state = STATES[strip.state[neuron] ?? 0];
    // Beside the node, so that its name stays visible.
    showTip(
      element.closest("g")!,
      `${name} · ${neuronName(name, neuron)} · ${fixed(strip.mean[neuron])}${state ? ` · ${state}` : ""}`,
    );
  };
  return (
    <>
      <image
        href={stripPicture(strip, width * 2)}
        x={x}
        y={y}
        width={width}
        height={8}
        preserveAspectRatio="none"
        style="image-rendering:pixelated"
        data-strip={name}
        aria-hidden="true"
        onPointerMove={point}
        onPointerLeave={() => {
          setHover({ layer: name });
          hideTip();
        }}
      />
      <Tick name={name} x={x} y={y} width={width} neurons={strip.mean.length} />
    </>
  );
}

/** A triangle above the hovered neuron. */
function Tick({
  name,
  x,
  y,
  width,
  neurons,
}: {
  name: string;
  x: number;
  y: number;
  width: number;
  neurons: number;
}): JSX.Element | null {
  const { layer, neuron } = hover.value;
  if (layer !== name || neuron === undefined) return null;
  const at = x + ((neuron + 0.5) / neurons) * width;
  return (
    <path
      d={`M${at - 2.75} ${y - 1.5}h5.5l-2.75 3.75z`}
      fill={tokens.value.accent}
      stroke={tokens.value.background}
      stroke-width={0.75}
      paint-order="stroke"
    />
  );
}
