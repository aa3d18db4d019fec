/** A chart of neurons with the mean and deviation of two groups and the value of an instance. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { MeanStd } from "../../api/types";
import { short, tick } from "../../draw/format";
import { widthOf } from "../../draw/text";
import { tokens } from "../../draw/theme";
import { followSize } from "../../lib/sizes";
import { selectNeuron } from "../../state/actions";
import { classOfNeuron, outputLayers } from "../../state/derived";
import { hover, hovering } from "../../state/hover";
import { detailHeight } from "../../state/panes";
import { CutText } from "../controls/CutText";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";
import { type Axis, place, thinned } from "./axis";

export interface Interval {
  neuron: number;
  /** The instance's own activation. */
  value?: number;
  own: MeanStd;
  other: MeanStd;
  /** Numbers on the right, one per heading. */
  numbers: string[];
  /** Bars before them: what is estimated is hollow, what was tried is solid. */
  bars?: { estimated: number; tried: number };
}

interface Properties {
  /** Title, and more words where there is room. */
  title: [short: string, more: string];
  heads: ComponentChildren[];
  layer: string;
  intervals: readonly Interval[];
  axis: Axis;
  colours: [own: string, other: string];
  /** Number of lines of the longer of two charts side by side, so that their axes align. */
  most?: number;
  /** Text for an empty chart. */
  empty: string;
}

const ROW = 18;

/** A low drawer has one line less, to leave room for the axis. */
export const mostLines = (): number => (detailHeight.value < 190 ? 5 : 6);

const [TOP, NUMBER] = [9, 40];
/** Words stand over columns of effects, where single letters stand over others. */
const EFFECT = 58;

/**
 * Neurons on a common axis, each with mean ± sd of two groups and the value of the instance. A click opens the neuron.
 */
export function Intervals({ title, heads, layer, intervals, axis, colours, empty, most = 0 }: Properties): JSX.Element {
  const [element, width] = useWidth();
  const { neuron: pointed, layer: at } = hover.value;
  const whole = title.join("");
  const effects = intervals.flatMap(({ bars }) => (bars ? [bars.estimated, bars.tried] : [])).filter(Number.isFinite);
  const number = effects.length > 0 ? EFFECT : NUMBER;
  const numbers = width - number * heads.length;
  const barWidth = effects.length > 0 ? Math.max(24, Math.min(64, (numbers - NUMBER) * 0.3)) : 0;
  const [left, right] = [NUMBER + 12, Math.max(NUMBER + 40, numbers - barWidth - 12)];
  const height = TOP + Math.max(most, intervals.length) * ROW - 6;
  const x = (value: number): number => place(axis, value, left, right);
  return (
    <section
      class={`detail-section detail-intervals${effects.length > 0 ? " effects" : ""}`}
      ref={element}
      aria-label={whole}
    >
      <h3 title={whole}>
        <CutText>{widthOf(whole, 12, 500) > numbers - 8 ? title[0] : whole}</CutText>
        <span class="detail-heads">
          {intervals.length > 0 && heads.map((head) => <span class="caption number">{head}</span>)}
        </span>
      </h3>
      {intervals.length === 0 ? (
        <p class="detail-words">{empty}</p>
      ) : (
        <div class="detail-plot">
          <svg width={width} height={height + 18} aria-hidden="true">
            {axis.ticks.map((value) => (
              <path
                key={value}
                d={`M${Math.round(x(value)) + 0.5} 0V${height}`}
                stroke={value === 0 ? tokens.value.outline : tokens.value.lineInner}
              />
            ))}
            {thinned(axis.ticks, (right - left) / 24).map((value) => (
              <text key={value} x={x(value)} y={height + 13} text-anchor="middle" class="detail-tick">
                {tick(value)}
              </text>
            ))}
            <text x={0} y={height + 13} class="detail-tick words">
              {outputLayers.value.has(layer) ? "class" : "neuron"}
            </text>
            {intervals.map((interval, i) => (
              <Marks key={interval.neuron} interval={interval} y={TOP + i * ROW} x={x} colours={colours} />
            ))}
            {intervals.map(({ neuron, bars }, i) =>
              bars ? (
                <EffectBars
                  key={neuron}
                  bars={bars}
                  y={TOP + i * ROW}
                  x={(value) => right + 8 + barWidth * place(effectAxis(effects), value, 0, 1)}
                />
              ) : null,
            )}
          </svg>
          {intervals.map(({ neuron, numbers, value, own, other }, i) => {
            return (
              <button
                key={neuron}
                type="button"
                class={`detail-interval${at === layer && pointed === neuron ? " lit" : ""}`}
                style={{ top: `${i * ROW}px` }}
                onClick={() => selectNeuron(layer, neuron)}
                {...hovering({ layer, neuron })}
              >
                <span class="spring">
                  <NeuronLabel layer={layer} neuron={neuron} />
                  <span class="hidden-text">
                    {value === undefined ? "" : `, value ${short(value)}`}
                    {`, mean ${short(own.mean)} against ${short(other.mean)}, `}
                  </span>
                </span>
                {numbers.map((number, j) => (
                  <span key={j} class={`number${j > 0 ? " second" : ""}`}>
                    {number}
                  </span>
                ))}
              </button>
            );
          })}
        </div>
      )}
    </section>
  );
}

/** "n23", or the swatch and name of the class that it is the output for. */
function NeuronLabel({ layer, neuron }: { layer: string; neuron: number }): JSX.Element {
  const own = classOfNeuron(layer, neuron);
  return (
    <span class="detail-neuron-name cut">
      <span class="hidden-text">{own === null ? "Neuron " : "Output for "}</span>
      {own === null ? (
        <>
          <span class="third" aria-hidden="true">
            n
          </span>
          {neuron}
        </>
      ) : (
        <>
          <Swatch index={neuron} /> <Name name={own} />
        </>
      )}
    </span>
  );
}

function Marks({
  interval,
  y,
  x,
  colours,
}: {
  interval: Interval;
  y: number;
  x: (value: number) => number;
  colours: [string, string];
}): JSX.Element {
  const { own, other, value } = interval;
  return (
    <>
      <Band group={own} y={y - 3} x={x} colour={colours[0]} />
      <Band group={other} y={y + 3} x={x} colour={colours[1]} />
      {value !== undefined && Number.isFinite(value) && <Diamond x={x(value)} y={y} />}
    </>
  );
}

/** From zero to the largest effect, or from the lowest where one that was tried went the other way. */
const effectAxis = (effects: readonly number[]): Axis => ({
  low: Math.min(0, ...effects),
  high: Math.max(1e-9, ...effects),
  ticks: [],
});

function EffectBars({
  bars: { estimated, tried },
  y,
  x,
}: {
  bars: NonNullable<Interval["bars"]>;
  y: number;
  x: (value: number) => number;
}): JSX.Element {
  const both = Number.isFinite(estimated) && Number.isFinite(tried);
  const bar = (value: number): { x: number; width: number } => ({
    x: Math.min(x(0), x(value)),
    width: Math.max(1, Math.abs(x(value) - x(0))),
  });
  return (
    <>
      {Number.isFinite(estimated) && (
        <rect
          class="effect-estimated"
          {...bar(estimated)}
          y={y - (both ? 6 : 2.5)}
          height={5}
          rx={1.5}
          fill={tokens.value.background}
          stroke={tokens.value.text3}
        />
      )}
      {Number.isFinite(tried) && (
        <rect
          class="effect-tried"
          {...bar(tried)}
          y={y + (both ? 1 : -2.5)}
          height={5}
          rx={1.5}
          fill={tokens.value.text3}
        />
      )}
    </>
  );
}

function Band({
  group: { mean, std },
  y,
  x,
  colour,
}: {
  group: MeanStd;
  y: number;
  x: (value: number) => number;
  colour: string;
}): JSX.Element | null {
  if (!Number.isFinite(mean) || !Number.isFinite(std)) return null;
  return (
    <>
      <rect
        x={x(mean - std)}
        y={y - 1.75}
        width={Math.max(1, x(mean + std) - x(mean - std))}
        height={3.5}
        rx={1.75}
        fill={colour}
        opacity={0.5}
      />
      <rect x={x(mean) - 1} y={y - 2.5} width={2} height={5} fill={colour} />
    </>
  );
}

/** The mark of the instance, with a ring of background colour. */
export function Diamond({ x, y }: { x: number; y: number }): JSX.Element {
  return (
    <path
      d={`M${x} ${y - 4.75}l3.5 4.75l-3.5 4.75l-3.5-4.75z`}
      fill={tokens.value.text}
      stroke={tokens.value.background}
      stroke-width={1.5}
      paint-order="stroke"
    />
  );
}

export function useWidth(): [{ current: HTMLElement | null }, number] {
  const element = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => followSize(element.current, (_, content) => setWidth(content.width)), []);
  return [element, width];
}
