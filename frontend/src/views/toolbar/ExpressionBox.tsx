/** The text box for expressions, with highlighting and completions. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Task } from "../../api/types";
import { integer } from "../../draw/format";
import { noMatch } from "../../draw/matrixText";
import { addExpressionRow } from "../../state/actions";
import { type Completion, complete, completions, type Place, placeAt, searches } from "../../state/completion";
import { snapshot, valuesOf, vocabulary, whereOf } from "../../state/data";
import { failureOf } from "../../state/loads";
import { storedPanes, toggleFacets } from "../../state/panes";
import { tokenize } from "../../state/tokenize";
import { typedExpression, typedLacks } from "../../state/typed";
import { expression } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Completions, LIST_ID, optionId } from "./Completions";

/** For completions that replace all that is typed. */
const WHOLE: Place = { kind: "name", start: 0, end: 0, prefix: "", column: null };

/** Time after the last key before the server is asked. */
const PAUSE_MS = 180;

/** A typed prefix of a value, for columns with more values than the vocabulary lists. */
const typedValue = signal<{ column: string; prefix: string } | null>(null);
const typedValues = valuesOf(() => typedValue.value);

/** Whether the expression was typed here rather than opened by a link: errors are then shown here alone. */
export const typedHere = signal(false);

/**
 * Highlights and completes the expression, counts its instances and makes it a row. Errors are shown below, with their
 * position.
 */
export function ExpressionBox(): JSX.Element {
  const [typed, setTyped] = useState(expression.value);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const back = useRef<HTMLDivElement>(null);
  const timer = useRef(0);
  const committed = expression.value;
  // Completions are offered once something is typed; ArrowDown offers all.
  const [offer, setOffer] = useState<"closed" | "typed" | "all">("closed");
  const [active, setActive] = useState(-1);
  const [caret, setCaret] = useState(0);
  const [moveTo, setMoveTo] = useState<number | null>(null);
  const choices = useOffered(typed, caret, offer);
  useLayoutEffect(() => {
    if (moveTo === null) return;
    input.current?.setSelectionRange(moveTo, moveTo);
    setMoveTo(null);
  }, [moveTo]);

  // Links, the back button and facets change the expression from outside.
  useEffect(() => {
    if (document.activeElement === input.current || typed === committed) return;
    clearTimeout(timer.current);
    setTyped(committed);
    typedHere.value = false;
  }, [committed]);

  const matching = whereOf(typedExpression.value).value;
  const settled = typed === committed;
  // What is missing is said when the user seems to be done: on Enter, and when the box is left.
  const [done, setDone] = useState(false);
  const lacks = settled && (done || !focused) ? typedLacks.value : null;
  const failed = settled && (lacks !== null || (failureOf(matching) !== null && typedExpression.value !== ""));
  // Other errors are not caused by the expression.
  const refused = lacks !== null || matching.error?.kind === "bad_request";
  const empty = settled && matching.status === "ready" && typedExpression.value !== "" && matching.value?.count === 0;
  const said = failed
    ? (lacks ?? matching.error?.message)
    : empty && matching.value && noMatch(matching.value, snapshot.value.value?.seen ?? 0);
  const position = failed ? (lacks === null ? (matching.error?.position ?? null) : committed.length) : null;
  const lead = committed.length - committed.trimStart().length;
  const scroll = (): void => {
    if (input.current && back.current) back.current.scrollLeft = input.current.scrollLeft;
  };
  const change = (text: string): void => {
    setTyped(text);
    setDone(false);
    typedHere.value = true;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => (expression.value = text), PAUSE_MS);
    requestAnimationFrame(scroll);
  };
  const choose = (completion: Completion): void => {
    const place = placeAt(typed, caret) ?? WHOLE;
    const next = complete(typed, place, completion);
    change(next.text);
    setCaret(next.caret);
    setMoveTo(next.caret);
    setActive(-1);
    setOffer(/[( ]$/.test(completion.text.slice(0, completion.caret)) ? "typed" : "closed");
  };
  const follow = (event: { currentTarget: HTMLInputElement }): void =>
    setCaret(event.currentTarget.selectionStart ?? 0);
  const key = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && !event.altKey) {
      event.preventDefault();
      if (choices.length === 0) setOffer("all");
      setActive(
        choices.length === 0 ? 0 : (active + step + (active < 0 && step < 0 ? 1 : 0) + choices.length) % choices.length,
      );
    } else if ((event.key === "Enter" || event.key === "Tab") && choices[active]) {
      event.preventDefault();
      choose(choices[active]);
    } else if (event.key === "Enter") {
      setOffer("closed");
      add();
    } else if (event.key === "Escape") {
      if (choices.length > 0) setOffer("closed");
      else change("");
      setActive(-1);
    }
  };
  const add = (): void => {
    clearTimeout(timer.current);
    expression.value = typed;
    setDone(true);
    if (!settled || matching.status !== "ready" || empty || typedExpression.value === "") return;
    addExpressionRow(typedExpression.value);
    // It is a row now, and no longer a filter.
    setTyped("");
    expression.value = "";
  };

  return (
    <div class={`expression${failed ? " failed" : ""}${choices.length > 0 ? " completing" : ""}`}>
      <div class="expression-field">
        <div ref={back} class="expression-back code" aria-hidden="true">
          <Coloured text={typed} wrong={position === null ? null : position + lead} />
        </div>
        <input
          ref={input}
          class="expression-input code"
          type="text"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          value={typed}
          placeholder={placeholder()}
          aria-label="Subset expression"
          aria-invalid={failed}
          aria-describedby={said ? "expression-error" : undefined}
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={choices.length > 0}
          aria-controls={LIST_ID}
          aria-activedescendant={choices[active] ? optionId(active) : undefined}
          onInput={(event) => {
            change(event.currentTarget.value);
            follow(event);
            setOffer("typed");
            setActive(-1);
          }}
          onScroll={scroll}
          onFocus={() => setFocused(true)}
          onSelect={follow}
          onKeyDown={key}
          onBlur={() => {
            setFocused(false);
            setOffer("closed");
          }}
        />
      </div>
      {typedExpression.value !== "" && settled && matching.value && matching.status !== "failed" && (
        <span class={`expression-count ${empty ? "accent" : "second"}`} aria-live="polite">
          {integer(matching.value.count)} of {integer(matching.value.sample_size)}
        </span>
      )}
      {committed.trim() !== "" && (
        <button
          type="button"
          class="button"
          disabled={!settled || matching.status !== "ready" || typedExpression.value === "" || empty}
          onClick={add}
        >
          Add as row
        </button>
      )}
      {committed.trim() !== "" && (
        <IconButton
          icon="close"
          size={14}
          label="Clear the expression"
          onClick={() => {
            change("");
            input.current?.focus();
          }}
        />
      )}
      <IconButton
        icon="facets"
        label={storedPanes.value.facets ? "Hide the facets" : "Show the facets: columns to choose from"}
        pressed={storedPanes.value.facets}
        onClick={toggleFacets}
      />
      {typedExpression.value !== "" && matching.status === "pending" && (
        <div class="progress" role="progressbar" aria-label="Counting" />
      )}
      {choices.length > 0 && (
        <Completions completions={choices} active={active} onChoose={choose} onPoint={setActive} />
      )}
      {said && (
        <div
          id="expression-error"
          class={`expression-error${focused || (failed && !refused) ? " focused" : ""}`}
          role={failed ? "alert" : "status"}
        >
          {said}
          {failed && !refused && (
            <button type="button" class="button" onClick={matching.retry}>
              Try again
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** Completions at the caret, from the vocabulary; values of columns with very many are requested while typing. */
function useOffered(text: string, caret: number, offer: "closed" | "typed" | "all"): Completion[] {
  const open = offer !== "closed";
  const known = open ? vocabulary.value.value : null;
  const place = open ? placeAt(text, caret) : null;
  const column = known?.columns.find(({ name }) => name === place?.column);
  const long =
    column && "distinct" in column && place && place.prefix !== "" && column.distinct > column.values.length
      ? column.name
      : null;
  const prefix = place?.prefix ?? "";
  useEffect(() => {
    const timer = window.setTimeout(
      () => (typedValue.value = long === null ? null : { column: long, prefix }),
      PAUSE_MS,
    );
    return () => clearTimeout(timer);
  }, [long, prefix]);
  const more = long === null ? undefined : typedValues.value.value?.columns;
  if (!known) return [];
  const own = place
    ? completions(place, more ? { ...known, columns: more } : known, offer === "all", snapshot.value.value?.layers)
    : [];
  return [...own, ...searches(text, snapshot.value.value?.columns ?? [])];
}

/** Examples for tasks without right and wrong predictions. */
const WITHOUT_CORRECT: Partial<Record<Task, string>> = {
  regression: "loss > 1",
  ranking: "score > 0",
  none: "id < 100",
};

function placeholder(): string {
  const shown = snapshot.value.value;
  const first = shown?.subsets.find(({ kind, expression }) => kind === "class" && expression.length <= 24);
  if (first) return `A subset, as in ${first.expression} and not correct`;
  return `A subset, as in ${(shown && WITHOUT_CORRECT[shown.task]) ?? "not correct"}`;
}

/** The highlighted tokens; the one at `wrong` is underlined. A position beyond the end is marked there. */
function Coloured({ text, wrong }: { text: string; wrong: number | null }): JSX.Element {
  return (
    <>
      {tokenize(text).map(({ kind, text: word, start }) => {
        const marked = wrong !== null && wrong >= start && wrong < start + word.length;
        return (
          <span key={start} class={`code-${kind}${marked ? " wrong" : ""}`}>
            {word}
          </span>
        );
      })}
      {wrong !== null && wrong >= text.length && <span class="wrong">{"\u00a0"}</span>}
    </>
  );
}
