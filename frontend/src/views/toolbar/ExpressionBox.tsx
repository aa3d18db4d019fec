import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Task } from "../../api/types";
import { integer } from "../../draw/format";
import { addExpressionRow } from "../../state/actions";
import { type Completion, complete, completions, placeAt } from "../../state/completion";
import { snapshot, valuesOf, vocabulary, whereOf } from "../../state/data";
import { tokens } from "../../state/expression";
import { clearHover, setHover } from "../../state/hover";
import { expressionKey } from "../../state/rowKeys";
import { expression } from "../../state/view";
import { Completions, LIST_ID, optionId } from "./Completions";

/** Time after the last key before the server is asked. */
const PAUSE_MS = 180;

/** A value that is typed of a column with more values than the vocabulary lists. */
const typedValue = signal<{ column: string; prefix: string } | null>(null);
const typedValues = valuesOf(() => typedValue.value);

/** Whether the expression was typed here, not brought by a link: then the box alone says what is wrong. */
export const typedHere = signal(false);

/**
 * The subset language: coloured and completed while typed, counted, and made a row. What is wrong is said under it,
 * with the place marked.
 */
export function ExpressionBox(): JSX.Element {
  const [typed, setTyped] = useState(expression.value);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const back = useRef<HTMLDivElement>(null);
  const timer = useRef(0);
  const asked = expression.value;
  // What is offered: nothing until something is typed or ArrowDown asks for all there is.
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

  // The back button and links change the expression from outside.
  useEffect(() => {
    if (document.activeElement === input.current || typed === asked) return;
    setTyped(asked);
    typedHere.value = false;
  }, [asked]);

  const found = whereOf(asked).value;
  const settled = typed === asked;
  const failed = settled && found.status === "failed" && asked.trim() !== "";
  // Not the expression's fault.
  const refused = found.error?.kind === "bad_request";
  const position = failed ? (found.error?.position ?? null) : null;
  const lead = asked.length - asked.trimStart().length;
  const scroll = (): void => {
    if (input.current && back.current) back.current.scrollLeft = input.current.scrollLeft;
  };
  const change = (text: string): void => {
    setTyped(text);
    typedHere.value = true;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => (expression.value = text), PAUSE_MS);
    requestAnimationFrame(scroll);
  };
  const choose = (chosen: Completion): void => {
    const place = placeAt(typed, caret);
    if (!place) return;
    const done = complete(typed, place, chosen);
    change(done.text);
    setCaret(done.caret);
    setMoveTo(done.caret);
    setActive(-1);
    setOffer(/[( ]$/.test(chosen.text.slice(0, chosen.caret)) ? "typed" : "closed");
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
    if (settled && found.status === "ready") addExpressionRow(typed);
  };
  const point = (): void => setHover({ row: expressionKey(asked.trim()) });

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
          aria-describedby={failed ? "expression-error" : undefined}
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
      {asked.trim() !== "" && settled && found.value && found.status !== "failed" && (
        <span class="expression-count second" onPointerEnter={point} onPointerLeave={clearHover} aria-live="polite">
          {integer(found.value.count)} of {integer(found.value.of)}
        </span>
      )}
      {asked.trim() !== "" && (
        <button
          type="button"
          class="button"
          disabled={!settled || found.status !== "ready"}
          onClick={add}
          onPointerEnter={point}
          onPointerLeave={clearHover}
        >
          Add as row
        </button>
      )}
      {asked.trim() !== "" && found.status === "pending" && (
        <div class="progress" role="progressbar" aria-label="Counting" />
      )}
      {choices.length > 0 && <Completions found={choices} active={active} onChoose={choose} onPoint={setActive} />}
      {failed && (
        <div id="expression-error" class={`expression-error${focused || !refused ? " focused" : ""}`} role="alert">
          {found.error?.message}
          {!refused && (
            <button type="button" class="button" onClick={found.retry}>
              Try again
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/**
 * Completions at the caret, by what is known of the columns; the values of a long column are asked for as they are
 * typed.
 */
function useOffered(text: string, caret: number, offer: "closed" | "typed" | "all"): Completion[] {
  const open = offer !== "closed";
  const known = open ? vocabulary.value.value : null;
  const place = open ? placeAt(text, caret) : null;
  const column = known?.columns.find(({ name }) => name === place?.column);
  const long =
    column && column.type !== "number" && place && place.prefix !== "" && column.distinct > column.values.length
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
  if (!place || !known) return [];
  return completions(place, more ? { ...known, columns: more } : known, offer === "all", snapshot.value.value?.layers);
}

/** An example for tasks whose instances are neither right nor wrong. */
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

/** The words in their colours; the one at `wrong` is underlined. A place past the end is marked there. */
function Coloured({ text, wrong }: { text: string; wrong: number | null }): JSX.Element {
  return (
    <>
      {tokens(text).map(({ kind, text: word, start }) => {
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
