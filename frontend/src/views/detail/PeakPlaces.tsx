/** How often a neuron peaks at each place. */

import type { JSX } from "preact";
import { mapColour } from "../../draw/colormap";
import { integer } from "../../draw/format";
import { columns } from "../../state/data";
import { detailHeight } from "../../state/panes";
import type { Positions } from "../../state/positions";
import { Term } from "../controls/Term";

/** From so many pixels on, a cell says its number. */
const WRITTEN = 15;

/** Cells of a map; bars along a sequence. Of a volume the slices are added up. */
export function PeakPlaces({ positions }: { positions: Positions }): JSX.Element {
  const { cells, counts, counted, longest } = positions;
  const [height = 1, width = 1] = cells.length === 1 ? [1, cells[0]] : cells.slice(-2);
  const sums = new Int32Array(height * width);
  counts.forEach((count, i) => {
    sums[i % sums.length]! += count;
  });
  const most = Math.max(1, ...sums);
  return (
    <section class="detail-section" aria-label="Where it peaks">
      <h3>
        Where it <Term name="peak">peaks</Term>
      </h3>
      {cells.length === 1 ? (
        <Bars sums={sums} most={most} longest={longest[0] ?? 1} />
      ) : (
        <Cells sums={sums} most={most} width={width} height={height} />
      )}
      <p class="caption">
        {integer(counted)} instances above the median, of {integer(columns.value.value?.count)}
      </p>
    </section>
  );
}

function Cells({
  sums,
  most,
  width,
  height,
}: {
  sums: Int32Array;
  most: number;
  width: number;
  height: number;
}): JSX.Element {
  const cell = Math.max(3, Math.floor(Math.min((detailHeight.value - 33 - 27 - 48) / height, 150 / width)));
  const largest = Array.from(sums, (count, i) => [count, i] as const)
    .filter(([count]) => count > 0)
    .sort(([a], [b]) => b - a)
    .slice(0, 5)
    .map(([count, i]) => `${integer(count)} at row ${Math.floor(i / width)}, column ${i % width}`);
  return (
    <svg
      class="peak-places"
      width={cell * width}
      height={cell * height}
      role="img"
      aria-label={`Peaks by place: ${largest.join("; ") || "none"}`}
    >
      {Array.from(sums, (count, i) => {
        const [x, y] = [(i % width) * cell, Math.floor(i / width) * cell];
        const share = count / most;
        const text = integer(count);
        return (
          <g key={i}>
            <rect x={x} y={y} width={cell} height={cell} fill={count === 0 ? "var(--fill)" : mapColour(share)}>
              <title>{`${text} at row ${Math.floor(i / width)}, column ${i % width}`}</title>
            </rect>
            {count > 0 && share >= 0.3 && cell >= WRITTEN && text.length * 6 <= cell + 2 && (
              <text
                x={x + cell / 2}
                y={y + cell / 2}
                class={share > 0.62 ? "late" : ""}
                text-anchor="middle"
                dominant-baseline="central"
              >
                {text}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

function Bars({ sums, most, longest }: { sums: Int32Array; most: number; longest: number }): JSX.Element {
  const [width, height] = [168, Math.max(40, Math.min(90, detailHeight.value - 33 - 27 - 58))];
  const each = width / Math.max(1, sums.length);
  return (
    <svg
      class="peak-places"
      width={width}
      height={height + 14}
      role="img"
      aria-label={`Peaks along ${longest} positions`}
    >
      {Array.from(sums, (count, i) => (
        <rect
          key={i}
          x={i * each}
          y={height - (count / most) * height}
          width={Math.max(1, each - 1)}
          height={(count / most) * height}
          fill="var(--text3)"
        >
          <title>{integer(count)}</title>
        </rect>
      ))}
      <path d={`M0 ${height + 0.5}H${width}`} stroke="var(--outline)" />
      <text class="detail-tick" x={0} y={height + 12}>
        0
      </text>
      <text class="detail-tick" x={width} y={height + 12} text-anchor="end">
        {integer(longest - 1)}
      </text>
    </svg>
  );
}
