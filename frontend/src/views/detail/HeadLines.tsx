/** The pattern of a head over many tokens, one row at a time: the tokens as a text, shaded by the share that goes to each. */

import type { JSX } from "preact";
import type { Attention } from "../../api/types";
import { tokenGround } from "../../draw/mapColours";
import { tokenAt } from "./headTokens";

export function HeadLines({
  attention,
  shares,
  columns,
  row,
  onRow,
}: {
  attention: Attention;
  shares: Float32Array;
  columns: number;
  row: number;
  onRow: (row: number) => void;
}): JSX.Element {
  const values = shares.subarray(row * columns, (row + 1) * columns);
  const most = values.reduce((high, value) => Math.max(high, value), 0) || 1;
  const rows = shares.length / columns;
  const figures = (["entropy", "first", "previous", "self"] as const).flatMap((name) => {
    const value = attention[name]?.[row];
    return value === undefined ? [] : [`${name} ${value.toFixed(2)}`];
  });
  return (
    <div class="detail-scroll" tabIndex={0}>
      <p class="detail-words">
        From <strong>{tokenAt(attention.row_tokens, row)}</strong> ({row + 1} of {rows}); the darkest token gets{" "}
        {most.toFixed(2)}. {figures.join(", ")}
      </p>
      <p class="head-line">
        {Array.from(values, (value, column) => (
          <button
            key={column}
            type="button"
            class={column === row && rows === columns ? "from" : ""}
            style={{ background: tokenGround(Math.max(0, value) / most) }}
            title={`${value.toFixed(3)}${rows === columns ? "; a click looks from here" : ""}`}
            onClick={() => rows === columns && onRow(column)}
          >
            {tokenAt(attention.column_tokens, column)}
          </button>
        ))}
      </p>
    </div>
  );
}
