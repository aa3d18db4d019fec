/** The pattern of a head as a heat map: rows look at columns. */

import type { JSX } from "preact";
import type { Attention } from "../../api/types";
import { mapColour } from "../../draw/colormap";
import { theme } from "../../draw/theme";
import { tokenAt } from "./headTokens";

/** From this share on it is written into its cell. */
const WRITTEN = 0.3;

export function HeadPattern({
  attention,
  shares,
  rows,
  columns,
}: {
  attention: Attention;
  shares: Float32Array;
  rows: number;
  columns: number;
}): JSX.Element {
  const now = theme.value;
  const figures = (["entropy", "first", "previous", "self"] as const).flatMap((name) => {
    const values = attention[name];
    return values ? [{ name, values }] : [];
  });
  const most = Math.log2(Math.max(columns, 1));
  return (
    <div class="detail-scroll" tabIndex={0}>
      <table class="head-pattern">
        <thead>
          <tr>
            <td />
            {Array.from({ length: columns }, (_, column) => (
              <th key={column} scope="col" class="head-column">
                <span title={tokenAt(attention.column_tokens, column)}>{tokenAt(attention.column_tokens, column)}</span>
              </th>
            ))}
            {figures.map(({ name }) => (
              <th key={name} scope="col" class="number caption">
                {name === "previous" ? "prev." : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              <th scope="row" title={tokenAt(attention.row_tokens, row)}>
                {tokenAt(attention.row_tokens, row)}
              </th>
              {Array.from({ length: columns }, (_, column) => {
                const share = shares[row * columns + column] ?? Number.NaN;
                const from = tokenAt(attention.row_tokens, row);
                const to = tokenAt(attention.column_tokens, column);
                return (
                  <td
                    key={column}
                    class={`head-cell${share > 0.5 ? " strong" : ""}`}
                    style={{ background: mapColour(Math.max(0, share), now) }}
                    title={`${from} → ${to}: ${share.toFixed(3)}`}
                  >
                    {share >= WRITTEN ? share.toFixed(2).replace(/^0/, "") : ""}
                  </td>
                );
              })}
              {figures.map(({ name, values }) => (
                <td key={name} class="number">
                  {(values[row] ?? Number.NaN).toFixed(2)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {attention.entropy && (
          <tfoot>
            <tr>
              <td colSpan={columns + 1} />
              <td class="number caption" colSpan={figures.length}>
                entropy of {most.toFixed(2)} bits at most
              </td>
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}
