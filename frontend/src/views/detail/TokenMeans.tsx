/** The tokens at which a neuron peaks. */

import type { JSX } from "preact";
import type { TokenMean } from "../../api/types";
import { alignedFormat, integer } from "../../draw/format";
import { shareOf, tokenGround } from "../../draw/mapColours";
import { CutText } from "../controls/CutText";
import { Term } from "../controls/Term";

/** Bars of the mean activation of the instances in which the neuron peaks at a token. */
export function TokenMeans({ tokens }: { tokens: readonly TokenMean[] }): JSX.Element {
  const means = tokens.map(({ mean }) => mean);
  const written = alignedFormat(means);
  const end = Math.max(...means.map(Math.abs), 0) || 1;
  return (
    <section class="detail-section" aria-label="Tokens at its peaks">
      <h3>
        <span>Tokens</span>{" "}
        <span
          class="second cut"
          title="Mean activation of the instances in which it peaks at the token, at least three"
        >
          at its <Term name="peak">peaks</Term>
        </span>
        <span class="detail-heads">
          <span class="caption number">mean</span>
          <span class="caption number">n</span>
        </span>
      </h3>
      {tokens.length === 0 ? (
        <p class="detail-words">It peaks at no token in three instances or more.</p>
      ) : (
        <ol class="detail-scroll token-means" tabIndex={0}>
          {tokens.map(({ token, mean, n }) => (
            <li key={token}>
              <CutText>{token === "" ? "␣" : token}</CutText>
              <span class="token-bar" aria-hidden="true">
                <span
                  style={{
                    width: `${((100 * Math.abs(mean)) / end).toFixed(1)}%`,
                    background: tokenGround(shareOf(mean, { end, signed: true })),
                  }}
                />
              </span>
              <span class="number">{written(mean)}</span>
              <span class="number second">{integer(n)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
