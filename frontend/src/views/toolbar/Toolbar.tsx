/** The toolbar. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { hostWindow } from "../../api/host";
import { run, runsError, step } from "../../state/currentSnapshot";
import { snapshot, whereOf } from "../../state/data";
import { notices } from "../../state/derived";
import { drawnStep } from "../../state/drawnStep";
import { help, toggleHelp } from "../../state/help";
import { server } from "../../state/loads";
import { polling, refreshRuns } from "../../state/poll";
import { typedExpression, typedLacks } from "../../state/typed";
import { copyText } from "../controls/clipboard";
import { Icon, IconButton } from "../controls/Icon";
import { ExpressionBox, typedHere } from "./ExpressionBox";
import { CompareSelect, RunSelect } from "./Runs";
import { StepSlider } from "./StepSlider";

/** Run, comparison, step, and expression. */
export function Toolbar(): JSX.Element {
  return (
    <header class="toolbar-header">
      <button type="button" class="button skip" onClick={skip}>
        Skip to the matrix
      </button>
      <div class="toolbar" role="toolbar" aria-label="Run, step and subset">
        <RunSelect />
        <CompareSelect />
        <StepSlider />
        <ExpressionBox />
        <span class="toolbar-end">
          <CopyLink />
          <IconButton icon="help" label="Help (?)" pressed={help.value !== null} onClick={toggleHelp} />
        </span>
      </div>
      <Notices />
    </header>
  );
}

/** For the keyboard: past all that stands before the first matrix. */
const skip = (): void => document.querySelector<HTMLElement>(".matrix-grid")?.focus();

function CopyLink(): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await copyText(hostWindow().location.href);
    setCopied(true);
    setTimeout(() => setCopied(false), 1600);
  };
  return (
    <>
      <IconButton
        icon={copied ? "check" : "link"}
        label={copied ? "Link copied" : "Copy a link to this view"}
        onClick={() => void copy()}
      />
      <span class="hidden-text" role="status">
        {copied ? "Link copied" : ""}
      </span>
    </>
  );
}

const dismissed = signal<ReadonlySet<string>>(new Set());

/** Notices about the data or the link: one line each, until dismissed. */
function Notices(): JSX.Element | null {
  const shown = snapshot.value.value;
  const said = [...notices.value, ...(run.value?.problems ?? []), ...(shown?.problems ?? []), ...(shown?.notes ?? [])];
  if (step.value?.problem != null) said.unshift(step.value.problem);
  if (runsError.value && server.value === "there")
    said.unshift(`${runsError.value.message} What you see was read earlier.`);
  const { error } = whereOf(typedExpression.value).value;
  const wrong = typedLacks.value ?? (error?.kind === "bad_request" ? error.message : null);
  if (!typedHere.value && wrong !== null) said.push(`The link’s expression cannot be used. ${wrong}`);
  // One line per cause: what depends on a missing file says so in its own place.
  const left = said.filter(
    (text) => !dismissed.value.has(text) && !said.some((cause) => cause !== text && text.endsWith(cause)),
  );
  const gone = server.value === "gone" && <Gone />;
  if (left.length === 0) return gone || null;
  return (
    <>
      {gone}
      <div class="notices" role="status">
        <Icon name="warning" size={14} />
        <div class="notices-text">
          {left.map((text) => (
            <p key={text}>{text}</p>
          ))}
        </div>
        <IconButton
          icon="close"
          size={14}
          label="Dismiss"
          onClick={() => (dismissed.value = new Set([...dismissed.value, ...left]))}
        />
      </div>
    </>
  );
}

/** The one message while TensorBoard does not answer: what is shown was read before. */
function Gone(): JSX.Element {
  const [asked, drawn] = [step.value?.step, drawnStep.value];
  return (
    <div class="notices" role="alert">
      <Icon name="warning" size={14} />
      <div class="notices-text">
        <p>
          {runsError.value?.message ?? "TensorBoard does not answer."} What you see was read earlier.
          {asked !== drawn && ` Step ${asked} is shown when it answers.`}
        </p>
      </div>
      <button type="button" class="button" disabled={polling.value} onClick={() => void refreshRuns()}>
        Try again
      </button>
    </div>
  );
}
