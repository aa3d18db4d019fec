/** A head of attention: its pattern on a pinned instance, figures per row, and the heads of its layer beside each other. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Attention } from "../../api/types";
import { alignedFormat } from "../../draw/format";
import { selectNeuron } from "../../state/actions";
import { instanceName } from "../../state/derived";
import { Loading } from "../controls/Loading";
import { Select } from "../controls/Select";
import { HeadLines } from "./HeadLines";
import { HeadPatches } from "./HeadPatches";
import { HeadPattern } from "./HeadPattern";
import "../../lib/laterStyles";
import { chosenInstance, headAttention } from "./headFace";

/** More tokens than these are read as a text, one row at a time. */
const MOST_CELLS = 64;

export function HeadBody({ layer }: { layer: string }): JSX.Element {
  const load = headAttention.value;
  return (
    <Loading load={load.status === "failed" ? { ...load, value: null } : load} what="The attention">
      {(attention) => (
        <div class="detail-body detail-head">
          <Pattern key={`${layer} ${attention.head} ${attention.index}`} attention={attention} />
          <Heads attention={attention} layer={layer} />
        </div>
      )}
    </Loading>
  );
}

function Pattern({ attention }: { attention: Attention }): JSX.Element {
  const { shares, rows, columns, rows_together, columns_together } = attention;
  const [row, setRow] = useState(0);
  const several = rows_together > 1 || columns_together > 1;
  const together = several ? ` · ${rows_together} tokens are one row, ${columns_together} one column` : "";
  const pattern = (shares: Float32Array): JSX.Element =>
    Math.max(rows, columns) <= MOST_CELLS ? (
      <HeadPattern attention={attention} shares={shares} rows={rows} columns={columns} />
    ) : (
      <HeadLines attention={attention} shares={shares} columns={columns} row={row} onRow={setRow} />
    );
  return (
    <section class="detail-section">
      <h3>
        <span>Attention</span>{" "}
        <span class="second cut">a row looks from its token to the columns; rows sum to 1{together}</span>
        {attention.pinned.length > 0 && attention.index !== undefined && (
          <Select
            label="Instance"
            value={String(attention.index)}
            options={attention.pinned.map(({ index }) => ({ value: String(index), label: instanceName(index) }))}
            onChoose={(next) => {
              chosenInstance.value = Number(next);
            }}
          />
        )}
      </h3>
      {!shares || rows === 0 ? (
        <p class="detail-words">{attention.missing || "The instance has no position."}</p>
      ) : attention.grid.length > 0 ? (
        <div class="head-beside">
          <HeadPatches attention={attention} shares={shares} row={row} onRow={setRow} />
          {pattern(shares)}
        </div>
      ) : (
        pattern(shares)
      )}
    </section>
  );
}

const FIGURES = ["norm", "entropy", "first", "previous", "self"] as const;
const WORDS = { norm: "norm", entropy: "entropy", first: "first", previous: "prev.", self: "self" };

function Heads({ attention, layer }: { attention: Attention; layer: string }): JSX.Element {
  const there = FIGURES.filter((name) => attention.heads.some((head) => head[name] !== null));
  const written = there.map((name) => alignedFormat(attention.heads.map((head) => head[name] ?? Number.NaN)));
  return (
    <section class="detail-section">
      <h3>
        <span>{attention.heads.length === 1 ? "The head" : `The ${attention.heads.length} heads`}</span>{" "}
        <span class="second cut">mean over all instances</span>
      </h3>
      <div class="detail-scroll" tabIndex={0}>
        <table class="head-table">
          <thead>
            <tr>
              <th />
              {there.map((name) => (
                <th key={name} class="number caption" scope="col">
                  {WORDS[name]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {attention.heads.map((head) => (
              <tr key={head.head} class={head.head === attention.head ? "current" : ""}>
                <th scope="row">
                  <button
                    type="button"
                    class="link"
                    aria-current={head.head === attention.head ? "true" : undefined}
                    onClick={() => selectNeuron(layer, head.head)}
                  >
                    Head {head.head}
                  </button>
                </th>
                {there.map((name, i) => (
                  <td key={name} class="number">
                    {head[name] === null ? "–" : written[i]?.(head[name])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <p class="detail-words second">
          Entropy in bits; shares of the attention that goes to the first token, the one before, and itself. Norm of
          what the head gives.
        </p>
      </div>
    </section>
  );
}
