import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { integer } from "../../draw/format";
import { addExpressionRow } from "../../state/actions";
import { snapshot, whereOf } from "../../state/data";
import { tokens } from "../../state/expression";
import { clearHover, setHover } from "../../state/hover";
import { expressionKey } from "../../state/rows";
import { expression } from "../../state/view";

/** Time after the last key before the server is asked. */
const PAUSE_MS = 180;

/** The subset language: coloured while typed, counted, and made a row. What is wrong is said under it, with the place marked. */
export function ExpressionBox(): JSX.Element {
  const [typed, setTyped] = useState(expression.value);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const back = useRef<HTMLDivElement>(null);
  const timer = useRef(0);
  const asked = expression.value;

  // The back button and links change the expression from outside.
  useEffect(() => {
    if (document.activeElement !== input.current) setTyped(asked);
  }, [asked]);

  const found = whereOf(asked).value;
  const settled = typed === asked;
  const failed = settled && found.status === "failed" && asked.trim() !== "";
  const position = failed ? (found.error?.position ?? null) : null;
  const lead = asked.length - asked.trimStart().length;
  const scroll = (): void => {
    if (input.current && back.current) back.current.scrollLeft = input.current.scrollLeft;
  };
  const change = (text: string): void => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => (expression.value = text), PAUSE_MS);
    requestAnimationFrame(scroll);
  };
  const add = (): void => {
    clearTimeout(timer.current);
    expression.value = typed;
    if (settled && found.status === "ready") addExpressionRow(typed);
  };
  const point = (): void => setHover({ row: expressionKey(asked.trim()) });

  return (
    <div class={`expression${failed ? " failed" : ""}`}>
      <div class="expression-field">
        <div ref={back} class="expression-back code" aria-hidden="true">
          <Coloured text={typed} wrong={position === null ? null : position + lead} />
        </div>
        <input ref={input} class="expression-input code" type="text" spellcheck={false} autocomplete="off" autocapitalize="off" value={typed}
          placeholder={placeholder()} aria-label="Subset expression" aria-invalid={failed} aria-describedby={failed ? "expression-error" : undefined}
          onInput={(event) => change(event.currentTarget.value)} onScroll={scroll} onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onKeyDown={(event) => {
            if (event.key === "Enter") add();
            if (event.key === "Escape") change("");
          }} />
      </div>
      {asked.trim() !== "" && settled && found.value && found.status !== "failed" && (
        <span class="expression-count second" onPointerEnter={point} onPointerLeave={clearHover} aria-live="polite">
          {integer(found.value.count)} of {integer(found.value.of)}
        </span>
      )}
      {asked.trim() !== "" && (
        <button type="button" class="button" disabled={!settled || found.status !== "ready"} onClick={add} onPointerEnter={point} onPointerLeave={clearHover}>
          Add as row
        </button>
      )}
      {asked.trim() !== "" && found.status === "pending" && <div class="progress" role="progressbar" aria-label="Counting" />}
      {failed && (
        <div id="expression-error" class={`expression-error${focused ? " focused" : ""}`} role="alert">
          {found.error?.message}
          {found.error?.kind === "unreachable" && <button type="button" class="button" onClick={found.retry}>Try again</button>}
        </div>
      )}
    </div>
  );
}

function placeholder(): string {
  const shown = snapshot.value.value;
  const first = shown?.subsets.find(({ kind, expression }) => kind === "class" && expression.length <= 24);
  if (first) return `A subset, as in ${first.expression} and not correct`;
  return `A subset, as in ${shown?.task === "regression" ? "loss > 1" : shown?.task === "none" ? "id < 100" : "not correct"}`;
}

/** The words in their colours; the one at `wrong` is underlined. A place past the end is marked there. */
function Coloured({ text, wrong }: { text: string; wrong: number | null }): JSX.Element {
  return (
    <>
      {tokens(text).map(({ kind, text: word, start }) => {
        const marked = wrong !== null && wrong >= start && wrong < start + word.length;
        return <span key={start} class={`code-${kind}${marked ? " wrong" : ""}`}>{word}</span>;
      })}
      {wrong !== null && wrong >= text.length && <span class="wrong">{"\u00a0"}</span>}
    </>
  );
}
