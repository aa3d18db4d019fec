/** The editor of a subset. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { classColour } from "../../draw/classes";
import { integer } from "../../draw/format";
import { noMatch } from "../../draw/matrixText";
import { addRow, replaceRow } from "../../state/actions";
import { combined, type Joint, negated } from "../../state/buildExpression";
import { COLOURS, colourOf, freeColour } from "../../state/colours";
import { rows, snapshot, whereOf } from "../../state/data";
import { expressionOf, nameOf, rowName } from "../../state/derived";
import { missing } from "../../state/incomplete";
import { failureOf } from "../../state/loads";
import { isExpressionKey, type RowKey, rowKey } from "../../state/rowKeys";
import { draft, type SubsetDraft } from "../../state/subsetDraft";
import { Segmented } from "../controls/Segmented";
import { Select } from "../controls/Select";
import { RowSwatch } from "../controls/Swatch";
import "../../lib/laterStyles";

export function SubsetEditor(): JSX.Element | null {
  const now = draft.value;
  return now && <Editor key={`${now.key} ${now.expression}`} draft={now} />;
}

/** With more rows than this, combine them by typing. */
const MOST = 60;
const PAUSE_MS = 180;

/** Name, expression and colour, with a live count, and combination with other rows. */
function Editor({ draft: { anchor, key, name: named, expression: first } }: { draft: SubsetDraft }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [name, setName] = useState(named);
  const [text, setText] = useState(first);
  const [counted, setCounted] = useState(first);
  const [joint, setJoint] = useState<Joint>("and");
  const [colour, setColour] = useState(() => (key === null ? freeColour() : colourOf(key)));
  const [place, setPlace] = useState({ left: "0", top: "0" });
  const close = (): void => {
    draft.value = null;
    anchor.focus();
  };
  useLayoutEffect(() => {
    const [at, own] = [anchor.getBoundingClientRect(), box.current!.getBoundingClientRect()];
    const top = at.bottom + 4 + own.height > window.innerHeight ? Math.max(4, at.top - own.height - 4) : at.bottom + 4;
    setPlace({ left: `${Math.max(4, Math.min(at.left, window.innerWidth - own.width - 8))}px`, top: `${top}px` });
    field.current?.focus();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setCounted(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    const outside = (event: Event): void => {
      const target = event.target as Element;
      if (!box.current?.contains(target) && !target.closest(".menu")) draft.value = null;
    };
    document.addEventListener("pointerdown", outside, true);
    return () => document.removeEventListener("pointerdown", outside, true);
  }, []);

  const lacks = missing(counted, snapshot.value.value?.columns ?? []);
  const matching = whereOf(lacks === null ? counted : "").value;
  const settled = counted === text && text.trim() !== "";
  const failed = settled && lacks === null && failureOf(matching) !== null;
  const counts = settled && lacks === null && matching.status === "ready";
  const ready = counts && matching.value?.count !== 0;
  const others = rows.value
    .map(rowKey)
    .filter((other) => other !== key && expressionOf(other) !== null)
    .slice(0, MOST);
  const change = (next: string, called: string): void => {
    setText(next);
    setCounted(next);
    setName(called);
  };
  const join = (other: RowKey): void => {
    const row = rows.peek().find((one) => rowKey(one) === other);
    const its = expressionOf(other);
    if (row && its)
      change(
        text.trim() ? combined(text, joint, its) : its,
        text.trim() ? `${name || "…"} ${joint} ${rowName(row)}` : rowName(row),
      );
  };
  const finish = (): void => {
    if (!ready) return;
    const row = { kind: "expression" as const, expression: text.trim(), name: name.trim() || undefined, colour };
    if (key && isExpressionKey(key)) replaceRow(key, row);
    else addRow(row);
    close();
  };
  return (
    <div
      ref={box}
      class="subset-editor"
      role="dialog"
      aria-label={key === null ? "New subset" : "Edit the subset"}
      style={place}
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
        event.stopPropagation();
      }}
    >
      <label>
        <span class="second">Name</span>
        <input
          type="text"
          value={name}
          placeholder="Optional; otherwise the condition is shown"
          onInput={(event) => setName(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && finish()}
        />
      </label>
      <label>
        <span class="second">Condition</span>
        <textarea
          ref={field}
          class="code"
          rows={3}
          spellcheck={false}
          aria-invalid={failed}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey) return;
            event.preventDefault();
            finish();
          }}
        />
      </label>
      <div class="subset-line" aria-live="polite">
        {failed ? (
          <span class="accent">{matching.error?.message}</span>
        ) : counts && !ready && matching.value ? (
          <span class="accent">{noMatch(matching.value, snapshot.value.value?.seen ?? 0)}</span>
        ) : counts ? (
          <span class="second">
            {integer(matching.value?.count)} of {integer(matching.value?.sample_size)}
          </span>
        ) : settled && lacks !== null ? (
          <span class="second">{lacks}</span>
        ) : (
          <span class="second">…</span>
        )}
      </div>
      <div class="subset-line">
        <Segmented<Joint>
          label="Combine by"
          value={joint}
          onChoose={setJoint}
          options={(["and", "or", "and not"] as const).map((value) => ({ value, label: value }))}
        />
        <Select<RowKey | null>
          label="Combine with"
          value={null}
          says="a row"
          onChoose={(other) => other && join(other)}
          options={others.map((other) => ({
            value: other,
            label: nameOf(other),
            content: (
              <>
                <RowSwatch row={other} />
                <span class="cut">{nameOf(other)}</span>
              </>
            ),
          }))}
        >
          <span class="second">a row</span>
        </Select>
        <span class="spring" />
        <button
          type="button"
          class="button"
          disabled={!text.trim()}
          onClick={() => change(negated(text), `not ${name || "…"}`)}
        >
          not
        </button>
      </div>
      <div class="subset-colours" role="radiogroup" aria-label="Colour">
        {Array.from({ length: COLOURS }, (_, i) => (
          <button
            key={i}
            type="button"
            role="radio"
            aria-checked={i === colour}
            aria-label={`Colour ${i + 1}`}
            style={{ backgroundColor: classColour(i) }}
            onClick={() => setColour(i)}
          />
        ))}
      </div>
      <div class="subset-line">
        <span class="spring" />
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="button" disabled={!ready} onClick={finish}>
          {key && isExpressionKey(key) ? "Change" : "Add as row"}
        </button>
      </div>
    </div>
  );
}
