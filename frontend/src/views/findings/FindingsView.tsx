/** The list of findings, in the drawer's place: what was found at the left, what the chosen one rests on at the right. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { integer, percent } from "../../draw/format";
import { chooseStep, closeFindings } from "../../state/actions";
import { loadCode } from "../../state/code";
import { sideNames } from "../../state/compared";
import { comparedSnapshot, currentSnapshot } from "../../state/currentSnapshot";
import { hideFinding, showFinding, unhideFinding } from "../../state/findingActions";
import {
  cancelSearch,
  comparedFound,
  type Entry,
  entries,
  found,
  foundPlace,
  isHidden,
  shownEntry,
  startAgain,
  visible,
} from "../../state/foundFindings";
import { findingsPlace } from "../../state/view";
import "../../lib/laterStyles";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { SaveButton } from "../controls/SaveButton";
import { Term } from "../controls/Term";
import { Evidence } from "./Evidence";
import { FindingRow } from "./FindingRow";
import { openEntry } from "./openEntry";

/** Title line, list and evidence. */
export function FindingsView(): JSX.Element {
  const [all, setAll] = useState(false);
  const place = foundPlace.value;
  const hidden = entries.value.filter(isHidden);
  const { step } = findingsPlace.value;
  const isElsewhere = step !== null && place?.step === step && currentSnapshot.value?.step !== step;
  return (
    <>
      <header class="panel-header detail-header">
        <h2>Findings</h2>
        <span class="caption cut">
          {place && `${integer(visible.value.length)} in ${place.run} at step ${integer(place.step)}`}
          {comparedSnapshot.value ? `, compared with ${sideNames.value[1]}` : ", strongest first"}
        </span>
        {hidden.length > 0 && (
          <button type="button" class="headline-link caption" aria-pressed={all} onClick={() => setAll(!all)}>
            {all ? "hide" : "show"} {integer(hidden.length)} hidden
          </button>
        )}
        {isElsewhere && (
          <button type="button" class="headline-link caption" onClick={() => chooseStep(step)}>
            back to step {integer(step)}
          </button>
        )}
        <span class="spring" />
        <SaveButton
          label="Save the findings"
          failure="The findings could not be saved."
          options={() => saveOptions(visible.peek())}
        />
        <IconButton icon="close" label="Close the findings" onClick={closeFindings} />
      </header>
      <div class="findings">
        <Loading load={found.value} what="The findings">
          {(known) => (
            <>
              <List list={all ? entries.value : visible.value} />
              <Progress />
              {known.notes.map((note) => (
                <p key={note} class="finding-note second">
                  {note}
                </p>
              ))}
            </>
          )}
        </Loading>
        <Evidence />
      </div>
    </>
  );
}

/** How far the searches are, and the way to end them or to start again. */
function Progress(): JSX.Element | null {
  const loads = [found.value, ...(comparedSnapshot.value ? [comparedFound.value] : [])];
  const running = loads.find(({ value, status }) => status === "pending" && value && value.state !== "done");
  if (running?.value)
    return (
      <p class="finding-note">
        Looking for more: {percent(running.value.progress, 0)}.{" "}
        <button type="button" class="button" onClick={cancelSearch}>
          Stop
        </button>
      </p>
    );
  if (loads.some(({ value }) => value?.state === "cancelled"))
    return (
      <p class="finding-note">
        The search was stopped before its end; what it found so far is listed.{" "}
        <button type="button" class="button" onClick={startAgain}>
          Go on
        </button>
      </p>
    );
  return null;
}

const HEADS = {
  new: (there: string): string => `Only in ${there}`,
  gone: (_: string, here: string): string => `Only in ${here}`,
  both: (): string => "In both",
};

/** A row per finding; arrow keys go through them and show what they rest on, Enter opens one. */
function List({ list }: { list: readonly Entry[] }): JSX.Element {
  const grid = useRef<HTMLDivElement>(null);
  const shown = shownEntry.value?.key ?? null;
  const reached = list.some(({ key }) => key === shown) ? shown : (list[0]?.key ?? null);
  const wantsFocus = useRef(false);
  useEffect(() => {
    const row = grid.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(reached ?? "")}"]`);
    if (wantsFocus.current) row?.focus();
    wantsFocus.current = false;
    row?.scrollIntoView?.({ block: "nearest" });
  }, [reached]);
  if (list.length === 0) return <Nothing />;
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = list.findIndex(({ key }) => key === reached);
    const entry = list[at];
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (to !== undefined) {
      const next = list[Math.max(0, Math.min(list.length - 1, to))];
      wantsFocus.current = true;
      if (next && !isHidden(next)) showFinding(next.key);
    } else if (event.key === "Escape") closeFindings();
    else if (event.target !== event.currentTarget && (event.target as Element).closest("button")) return;
    else if (event.key === "Enter" && entry) openEntry(entry);
    else if (event.key === "Delete" && entry) {
      wantsFocus.current = true;
      (isHidden(entry) ? unhideFinding : hideFinding)(entry.key);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const [here, there] = sideNames.value;
  return (
    <div ref={grid} class="finding-list" role="grid" aria-label="Findings" onKeyDown={onKeyDown}>
      <div class="finding-head caption" role="row">
        <span role="columnheader">kind</span>
        <span role="columnheader">what was counted</span>
        <span role="columnheader">
          <Term name="strength">strength</Term>
        </span>
        <span role="columnheader" class="number">
          <Term name="p-value">p</Term>
        </span>
        <span role="columnheader" class="number">
          since
        </span>
        <span role="columnheader">
          <span class="hidden-text">Hide</span>
        </span>
      </div>
      {list.map((entry, i) => (
        <>
          {entry.side && entry.side !== list[i - 1]?.side && (
            <div key={entry.side} class="finding-side" role="row">
              <span role="rowheader">
                {HEADS[entry.side](there, here)}{" "}
                <span class="second">{integer(list.filter(({ side }) => side === entry.side).length)}</span>
              </span>
            </div>
          )}
          <FindingRow key={entry.key} entry={entry} shown={entry.key === shown} reached={entry.key === reached} />
        </>
      ))}
    </div>
  );
}

/** What is said where nothing was found, or all is hidden. */
function Nothing(): JSX.Element | null {
  if (found.value.value?.state !== "done") return null;
  return (
    <p class="hint">
      {entries.value.length > 0
        ? "All findings are hidden."
        : found.value.value.notes.length > 0
          ? "Nothing was found in what could be looked at."
          : "Nothing was found: no part of the data fails more than its labels explain, no layer is broken, no label is in doubt."}
    </p>
  );
}

function saveOptions(list: readonly Entry[]): { value: () => Promise<void>; label: string; detail: string }[] {
  const save = async (kind: "png" | "csv" | "json"): Promise<void> => {
    const { saveFindings } = await loadCode(() => import("./saveFindings"));
    await saveFindings(kind, list);
  };
  return [
    { value: () => save("png"), label: "PNG", detail: "the list as a picture" },
    { value: () => save("csv"), label: "CSV", detail: "a line per finding" },
    { value: () => save("json"), label: "JSON", detail: "with their instances" },
  ];
}
