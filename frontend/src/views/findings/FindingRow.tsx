/** One line of the list of findings. */

import type { JSX } from "preact";
import { chanceOf, chanceText, countsOf, kindWord, strengthOf } from "../../draw/findingWords";
import { integer } from "../../draw/format";
import { chooseStep } from "../../state/actions";
import { hideFinding, unhideFinding } from "../../state/findingActions";
import { type Entry, isHidden, neuronsOf } from "../../state/foundFindings";
import { Term } from "../controls/Term";
import { KIND_TERMS, Title, Words } from "./FindingWords";
import { openEntry } from "./openEntry";

/** An eye, Material's "visibility". */
const EYE =
  "M12 4.5C7 4.5 2.7 7.6 1 12c1.7 4.4 6 7.5 11 7.5s9.3-3.1 11-7.5c-1.7-4.4-6-7.5-11-7.5zM12 17a5 5 0 110-10 5 5 0 010 10z" +
  "m0-8a3 3 0 100 6 3 3 0 000-6z";

/** Kind, sentence, strength, p, first step, and a button that hides it. `reached`: the keyboard is here. */
export function FindingRow({ entry, shown, reached }: { entry: Entry; shown: boolean; reached: boolean }): JSX.Element {
  const { finding, key } = entry;
  const [term, hidden] = [KIND_TERMS[finding.kind], isHidden(entry)];
  const kind = kindWord(finding.kind);
  const chance = chanceText(finding);
  return (
    <div
      class={`finding${shown ? " here" : ""}${hidden ? " off" : ""}`}
      role="row"
      data-key={key}
      aria-selected={shown}
      tabIndex={reached ? 0 : -1}
      onClick={() => openEntry(entry)}
    >
      <span role="gridcell" class="finding-kind second cut">
        {term ? <Term name={term}>{kind}</Term> : kind}
      </span>
      <span role="gridcell" class="finding-words cut" title={finding.sentence}>
        <Title finding={finding} /> <Words text={countsOf(finding)} />
      </span>
      <span role="gridcell" class="finding-strength">
        <span class="finding-bar" aria-hidden="true">
          <span style={{ width: `${100 * Math.max(0, Math.min(1, finding.strength))}%` }} />
        </span>
        <span class="cut">{strengthOf(finding, neuronsOf(finding))}</span>
      </span>
      <span role="gridcell" class="number" title={finding.p === null ? undefined : chanceOf(finding.sentence)}>
        {chance === "exact" ? <Term name="exact">exact</Term> : chance}
      </span>
      <span role="gridcell" class="number">
        {finding.step === null ? (
          "–"
        ) : (
          <button
            type="button"
            class="headline-link"
            tabIndex={reached ? 0 : -1}
            aria-label={`Show step ${finding.step}`}
            onClick={(event) => {
              event.stopPropagation();
              chooseStep(finding.step!);
            }}
          >
            {integer(finding.step)}
          </button>
        )}
      </span>
      <span role="gridcell">
        <button
          type="button"
          class="icon-button"
          tabIndex={reached ? 0 : -1}
          title={hidden ? "List it again" : "Not interesting: hide it"}
          aria-label={`${hidden ? "List again" : "Hide"}: ${finding.title}`}
          onClick={(event) => {
            event.stopPropagation();
            (hidden ? unhideFinding : hideFinding)(key);
          }}
        >
          <svg class="icon" width={16} height={16} viewBox="0 0 24 24" aria-hidden="true">
            <path d={EYE} />
            {!hidden && <path d="M3.5 2L2 3.5l18.5 18.5 1.5-1.5z" />}
          </svg>
        </button>
      </span>
    </div>
  );
}
