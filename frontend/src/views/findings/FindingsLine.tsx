/** The line above the panels, once findings can be asked for: the strongest one in words, and the way to the list. */

import { type ComponentChildren, Fragment, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import { countsOf, type Listed } from "../../draw/findingWords";
import { integer, percent } from "../../draw/format";
import { sideNames } from "../../state/compared";
import { stepFinding, toggleFindings } from "../../state/findingActions";
import {
  cancelSearch,
  type Entry,
  followFindings,
  found,
  shownEntry,
  startAgain,
  visible,
} from "../../state/foundFindings";
import { failureOf } from "../../state/loads";
import { findingsPlace } from "../../state/view";
import { Icon, IconButton } from "../controls/Icon";
import { Title, Words } from "./FindingWords";
import "../../lib/laterStyles";
import { openEntry } from "./openEntry";

/** `children`: what is said where there is no finding; the main confusion is among them. */
export function FindingsLine({ children }: { children: ComponentChildren }): JSX.Element {
  useEffect(followFindings, []);
  const entry = shownEntry.value;
  return (
    <section class="first-line" aria-label="In short">
      {!entry || entry.finding.kind === "confusion" ? (
        children
      ) : (
        <p class="headline" aria-live="polite" title={entry.finding.sentence}>
          <Said entry={entry} />
        </p>
      )}
      <Ways entry={entry} />
    </section>
  );
}

/** "site = D fails: 41 of 99 wrong, 2 expected; since step 40." What is counted is a link. */
function Said({ entry }: { entry: Entry }): JSX.Element {
  const { finding, side } = entry;
  const counts = countsOf(finding);
  const linked = /\d[\d,]* of \d[\d,]*/.exec(counts)?.[0] ?? "";
  const [before, after] = [
    counts.slice(0, counts.indexOf(linked)),
    counts.slice(counts.indexOf(linked) + linked.length),
  ];
  const title = <Title finding={finding} />;
  const link = (words: JSX.Element): JSX.Element => (
    <button type="button" class="headline-link" onClick={() => openEntry(entry)}>
      {words}
    </button>
  );
  return (
    <>
      {side === "new" && `In ${sideNames.value[1]}: `}
      {linked ? title : link(title)} <Words text={before} />
      {linked && link(<Words text={linked} />)}
      <Words text={after} />
      {since(finding)}.
    </>
  );
}

const since = ({ kind, step, sentence }: Listed): string =>
  step === null || sentence.includes(`step ${step}`) || kind === "label-suspect" ? "" : `; since step ${integer(step)}`;

function Ways({ entry }: { entry: Entry | null }): JSX.Element {
  const [load, list, open] = [found.value, visible.value, findingsPlace.value.open];
  const [state, failed] = [load.value?.state, failureOf(load)];
  const isRunning = load.status === "pending" && state !== undefined && state !== "done";
  const at = list.findIndex(({ key }) => key === entry?.key);
  const count = `${integer(list.length)} ${list.length === 1 ? "finding" : "findings"}`;
  return (
    <span class="finding-ways">
      {isRunning ? (
        <>
          <span class="caption" role="status">
            {state === "queued"
              ? "waiting to look for findings"
              : `looking for findings ${percent(load.value!.progress, 0)}`}
          </span>
          <IconButton icon="close" label="Stop looking for findings" onClick={cancelSearch} />
        </>
      ) : state === "cancelled" ? (
        <button type="button" class="headline-link caption" onClick={startAgain}>
          Look for findings
        </button>
      ) : failed ? (
        <span class="caption accent">findings could not be read</span>
      ) : load.value ? (
        <span class="caption">
          {at < 0 || list.length < 2 ? (list.length === 0 ? "no findings" : count) : `${at + 1} of ${count}`}
        </span>
      ) : null}
      {/* Keys keep them the same buttons, with the focus, when others come before them or go. */}
      {list.length > 1 && (
        <Fragment key="steps">
          <IconButton icon="chevronLeft" label="Previous finding" onClick={() => stepFinding(-1)} />
          <IconButton icon="chevronRight" label="Next finding" onClick={() => stepFinding(1)} />
        </Fragment>
      )}
      <button key="all" type="button" class="button finding-all" aria-expanded={open} onClick={toggleFindings}>
        All findings
        <Icon name={open ? "expandMore" : "expandLess"} size={16} />
      </button>
    </span>
  );
}
