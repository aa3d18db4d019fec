/** The page for a log directory without activations. */

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { count } from "../draw/format";
import { lastPolled, runs, runsError } from "../state/currentSnapshot";
import { copyText } from "./controls/clipboard";
import { Icon } from "./controls/Icon";
import "../lib/laterStyles";

const TORCH = `from tensorboard_activis.torch import ActiVisLogger

with ActiVisLogger("logs/run1", model, eval_loader) as log:
    for epoch in range(10):
        train(model)              # your own loop
        log.log(step=epoch)`;

const KERAS = `from tensorboard_activis.keras import ActiVisCallback

log = ActiVisCallback("logs/run1", x_test, y_test)

model.fit(x_train, y_train, epochs=10,
          callbacks=[log])`;

const DEMO = "tensorboard-activis demo";
const now = signal(Date.now());

/** How to log activations, an example, and what was read so far. */
export function Empty(): JSX.Element {
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="empty">
      <div class="empty-page">
        <h1>No activations in this log directory yet</h1>
        <p class="empty-lead">
          ActiVis shows which neurons respond to which classes, subsets and single examples. Log a snapshot of your
          model on evaluation data, and it appears here.
        </p>
        <div class="empty-ways">
          <Way title="PyTorch" code={TORCH}>
            Training is not affected: random numbers, gradients, BatchNorm statistics and your data loader stay as they
            are.
          </Way>
          <Way title="Keras" code={KERAS}>
            Lightning and Hugging Face Trainer have a callback each: <code>tensorboard_activis.lightning</code>,{" "}
            <code>tensorboard_activis.transformers</code>.
          </Way>
        </div>
        <div class="empty-demo">
          <span>Or look at an example first:</span>
          <code class="empty-command">{DEMO}</code>
          <Copy text={DEMO} what="the command" />
          <span class="second">trains a small network on scikit-learn’s digits in under a minute</span>
        </div>
        <Read />
      </div>
    </main>
  );
}

function Way({ title, code, children }: { title: string; code: string; children: ComponentChildren }): JSX.Element {
  return (
    <section>
      <div class="empty-title">
        <h2>{title}</h2>
        <Copy text={code} what={`the ${title} code`} />
      </div>
      <pre class="code" role="group" tabIndex={0} aria-label={`${title} code`}>
        <Python text={code} />
      </pre>
      <p class="second">{children}</p>
    </section>
  );
}

function Copy({ text, what }: { text: string; what: string }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1600);
  };
  return (
    <button type="button" class="button" aria-label={`Copy ${what}`} onClick={() => void copy()}>
      <Icon name={copied ? "check" : "copy"} size={14} /> {copied ? "Copied" : "Copy"}
    </button>
  );
}

const PYTHON = /(#.*)|("[^"]*")|\b(from|import|with|as|for|in)\b|\b(\d+)\b/g;
const KINDS = ["comment", "string", "import", "number"];

function Python({ text }: { text: string }): JSX.Element {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(PYTHON)) {
    parts.push(text.slice(end, match.index));
    parts.push(<span class={`code-${KINDS[match.slice(1).findIndex((part) => part !== undefined)]}`}>{match[0]}</span>);
    end = match.index + match[0].length;
  }
  return (
    <>
      {parts}
      {text.slice(end)}
    </>
  );
}

/** What was read and when, and what could not be read. */
function Read(): JSX.Element {
  const answer = runs.value;
  const problems =
    answer?.runs.flatMap(({ name, problems: messages }) => messages.map((text) => `${name}: ${text}`)) ?? [];
  const others = [...(answer?.other_runs ?? []), ...(answer?.runs.map(({ name }) => name) ?? [])];
  const seconds = Math.max(0, Math.round((now.value - lastPolled.value) / 1000));
  return (
    <footer class="empty-read">
      <span class="empty-dot" />
      <div class="empty-runs">
        Reading <b>{answer?.logdir}</b> ·{" "}
        {others.length === 0 ? (
          "no runs yet"
        ) : (
          <>
            {count(others.length, "run")}, without activations: <b>{others.slice(0, 5).join(", ")}</b>
          </>
        )}
        {others.length > 5 && ` and ${others.length - 5} more`}
        {problems.map((text) => (
          <p key={text} class="accent">
            {text}
          </p>
        ))}
        {runsError.value && <p class="accent">{runsError.value.message}</p>}
      </div>
      <span class="second">
        {seconds < 2 ? "Checked just now" : `Checked ${count(seconds, "second")} ago`}; checks again automatically
      </span>
    </footer>
  );
}
