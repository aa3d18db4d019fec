/** The distribution of a neuron in each row. */

import type { JSX } from "preact";
import type { NeuronDetail, RowQuery } from "../../api/types";
import { classColour } from "../../draw/classes";
import { alignedFormat, integer, short, tick } from "../../draw/format";
import { tokens } from "../../draw/theme";
import { rangeExpression } from "../../state/buildExpression";
import { colourOf } from "../../state/colours";
import { rows } from "../../state/data";
import { hoveredRow, rowName, shortName } from "../../state/derived";
import { hovering } from "../../state/hover";
import { picked } from "../../state/members";
import { detailHeight } from "../../state/panes";
import { parseRowKey, rowKey } from "../../state/rowKeys";
import { keyOf } from "../../state/rows";
import { editSubset } from "../../state/subsetDraft";
import { CutText } from "../controls/CutText";
import { IconButton } from "../controls/Icon";
import { Name } from "../controls/Name";
import { PickedBar } from "../controls/PickedBar";
import { RowSwatch } from "../controls/Swatch";
import { axisOver, place, thinned } from "./axis";
import { dragBrush, drawnOn } from "./brush";
import { Diamond, useWidth } from "./Intervals";

/** Height of a line; lines get lower before they scroll. */
const HEIGHT = 16;
const NARROWEST = 11.5;

export function lineHeight(lines: number, room: number): number {
  return room / lines >= NARROWEST ? Math.min(HEIGHT, room / lines) : HEIGHT;
}
const NAMES = 104;

/**
 * Histograms with common bins, each normalized to its fullest bin; instances are diamonds. In a comparison `of` names
 * the snapshot, and `range` holds the values of both.
 */
export function Distributions({
  detail,
  layer,
  rowQueries,
  of,
  range,
}: {
  detail: NeuronDetail;
  layer: string;
  rowQueries: readonly RowQuery[];
  of?: string;
  range?: readonly [number, number];
}): JSX.Element {
  const [element, width] = useWidth();
  const { edges } = detail;
  const [low, high] = range ?? [edges[0] ?? 0, edges.at(-1) ?? 1];
  const axis = { low, high, ticks: axisOver([low, high], 5).ticks.filter((value) => value >= low && value <= high) };
  // In a narrow drawer the names are shortened first.
  const names = Math.min(NAMES, Math.max(44, width - 112));
  const [left, right] = [names, Math.max(names + 40, width - 44)];
  const x = (value: number): number => place(axis, value, left, right);
  const line = lineHeight(detail.rows.length, detailHeight.value - 79);
  const height = detail.rows.length * line;
  const drawn = drawnOn(layer, detail.neuron);
  const meanText = alignedFormat(detail.rows.map(({ mean }) => mean));
  const middle = detail.rows.find(({ mean }) => mean !== null)?.mean ?? (low + high) / 2;
  return (
    <section
      class="detail-section detail-grow"
      ref={element}
      aria-label={`Distribution per row${of ? ` in ${of}` : ""}`}
    >
      <h3>
        {drawn?.expression && picked.value ? (
          <PickedBar />
        ) : of ? (
          <CutText>{of}</CutText>
        ) : (
          <>
            Distribution <span class="second">per row</span>
          </>
        )}
        <span class="spring" />
        <IconButton
          icon="add"
          size={14}
          label={`New subset from a range of neuron ${detail.neuron}`}
          onClick={({ currentTarget }) =>
            editSubset(
              currentTarget as HTMLElement,
              rangeExpression(layer, detail.neuron, String(Number(middle.toPrecision(3))), null),
            )
          }
        />
      </h3>
      <div class="detail-scroll" role="group" aria-label="Rows" tabIndex={0}>
        <div
          class="detail-plot detail-brushed"
          onPointerDown={(event) => dragBrush(event, { layer, neuron: detail.neuron }, axis, left, right)}
        >
          <svg width={width} height={height} aria-hidden="true">
            {drawn && (
              <rect
                x={x(drawn.from)}
                width={Math.max(1, x(drawn.to) - x(drawn.from))}
                height={height}
                fill={tokens.value.accentWash}
                stroke={tokens.value.accent}
                stroke-width={0.75}
              />
            )}
            {axis.ticks.map((value) => (
              <path
                key={value}
                d={`M${Math.round(x(value)) + 0.5} 0V${height}`}
                stroke={value === 0 ? tokens.value.outline : tokens.value.lineInner}
              />
            ))}
            {detail.rows.map(({ counts, mean, n }, i) => {
              const row = rowQueries[i];
              if (!row) return null;
              const [key, base] = [keyOf(row), (i + 1) * line - 2];
              if ("instance" in row)
                return mean === null ? null : <Diamond key={key} x={x(mean)} y={base - line / 2 + 3} />;
              const most = Math.max(1, ...counts);
              const index = colourOf(key);
              const bars = counts
                .map((count, bin) =>
                  count === 0
                    ? ""
                    : bar(x(edges[bin] ?? low), x(edges[bin + 1] ?? high), base, (count / most) * (line - 4)),
                )
                .join("");
              return (
                <g key={key}>
                  <path d={bars} fill={index < 0 ? tokens.value.text3 : classColour(index)} opacity={0.75} />
                  {mean !== null && n > 0 && (
                    <path d={`M${x(mean)} ${base - line + 4}V${base}`} stroke={tokens.value.text} stroke-width={1.25} />
                  )}
                </g>
              );
            })}
          </svg>
          {detail.rows.map(({ n, mean, std }, i) => {
            const row = rowQueries[i];
            if (!row) return null;
            const key = keyOf(row);
            const named = rows.value.find((one) => rowKey(one) === key) ?? parseRowKey(key);
            const name = named ? rowName(named) : key;
            return (
              <div
                key={key}
                class={`detail-line${hoveredRow.value === key ? " lit" : ""}`}
                style={{ top: `${i * line}px`, height: `${line}px`, lineHeight: `${line}px` }}
                {...hovering({ row: key })}
              >
                <RowSwatch row={key} />
                <span class="cut" style={{ maxWidth: `${names - 20}px` }}>
                  <Name name={name} short={named ? shortName(rowKey(named)) : name} />
                </span>
                <span class="hidden-text">
                  , {integer(n)} instances, mean {short(mean)}, standard deviation {short(std)}
                </span>
                <span class="spring" />
                <span class="number second" aria-hidden="true">
                  {meanText(mean)}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      <svg class="detail-axis" width={width} height={14} aria-hidden="true">
        <text x={0} y={11} class="detail-tick words">
          row
        </text>
        {thinned(axis.ticks, (right - left) / 28).map((value) => (
          <text key={value} x={x(value)} y={11} text-anchor="middle" class="detail-tick">
            {tick(value)}
          </text>
        ))}
        <text x={width} y={11} text-anchor="end" class="detail-tick words">
          mean
        </text>
      </svg>
    </section>
  );
}

const bar = (from: number, to: number, base: number, height: number): string =>
  `M${from.toFixed(1)} ${base}v${(-Math.max(0.75, height)).toFixed(1)}H${Math.max(from + 0.75, to - 0.25).toFixed(1)}V${base}z`;
