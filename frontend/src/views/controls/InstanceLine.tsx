/** A one-line summary of an instance, for tooltips; and its fields. */

import { computed, signal } from "@preact/signals";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { fixed, short } from "../../draw/format";
import { secondsText } from "../../draw/times";
import { columns, hasPictures, hasTexts, snapshot, textOf } from "../../state/data";
import { hasSeveralLabels, instanceName, labelName } from "../../state/derived";
import { InstanceText } from "./InstanceText";
import { painting } from "./painting";
import { Thumbnail } from "./Swatch";

/** "#814 · 8 → 3 · score 0.85" with picture or text, for tooltips. */
export function InstanceLine({ index }: { index: number }): JSX.Element {
  const known = columns.value.value;
  const shown = snapshot.value.value;
  const wrong = known?.correct[index] === 0;
  return (
    <span class="instance-line">
      <Picture index={index} />
      <span>
        {hasTexts.value && <TextOf index={index} />}
        {hasTexts.value ? <span class="second">{instanceName(index)}</span> : <b>{instanceName(index)}</b>}
        {known && shown && shown.task !== "none" && (
          <>
            {hasSeveralLabels(shown.task) ? (
              wrong ? (
                <>
                  {" "}
                  · <span class="accent">wrong</span>
                </>
              ) : (
                ""
              )
            ) : (
              <>
                {" · "}
                <span class={wrong ? "accent" : ""}>
                  <bdi>{labelName(known.label[index])}</bdi>
                  {shown.task !== "ranking" && (
                    <>
                      {" "}
                      → <bdi>{labelName(known.prediction[index])}</bdi>
                    </>
                  )}
                </span>
              </>
            )}
            {shown.task === "regression" ? (
              <>
                {" "}
                · error <b>{short((known.prediction[index] as number) - (known.label[index] as number))}</b>
              </>
            ) : (
              Number.isFinite(known.score[index]) && (
                <>
                  {" "}
                  · score <b>{fixed(known.score[index])}</b>
                </>
              )
            )}
          </>
        )}
        {shown?.content === "text" ? null : shown?.content === "numbers" ? (
          <TextOf index={index} />
        ) : (
          shown?.content === null && <Said text={inLine(columnFields(index))} />
        )}
      </span>
    </span>
  );
}

/** Letters that two lines show at least. */
const SEEN = 90;

const Said = ({ text, index }: { text: string; index?: number }): JSX.Element => (
  <span class="instance-text">
    <InstanceText text={text} room={SEEN} {...(index !== undefined && { index })} />
  </span>
);

/** The picture, painted by the selected neuron. */
function Picture({ index }: { index: number }): JSX.Element {
  const [code, plain] = [hasPictures.value ? painting() : null, <Thumbnail index={index} size={32} />];
  return code ? (
    <code.PaintedThumbnail index={index} size={32}>
      {plain}
    </code.PaintedThumbnail>
  ) : (
    plain
  );
}
const inLine = (fields: [string, string][]): string => fields.map((field) => field.join(" ")).join(" · ");

/** The columns that the user logged. */
export function columnFields(index: number): [string, string][] {
  return [...(columns.value.value?.extra ?? [])].map(([name, { values, categories, since }]) => {
    const value = values[index] ?? NaN;
    if (categories) return [name, categories[value] ?? "–"];
    return [name, since === null ? short(value) : secondsText(since, value)];
  });
}

/** Names (or indices) and values of numeric content. */
export function fieldsOf(text: string): [string, string][] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return null;
    return Object.entries(parsed)
      .slice(0, 500)
      .map(([name, value]) => [name, typeof value === "number" ? short(value) : String(value)]);
  } catch {
    return null;
  }
}

function TextOf({ index }: { index: number }): JSX.Element {
  const [wanted] = useState(() => signal<number | null>(index));
  const [text] = useState(() => {
    const answer = textOf(() => wanted.value);
    return computed(() => (answer.value.query?.index === wanted.value ? answer.value.value : null));
  });
  wanted.value = index;
  const fields = snapshot.value.value?.content === "numbers" && text.value ? fieldsOf(text.value) : null;
  return fields ? <Said text={inLine(fields)} /> : <Said text={text.value ?? "…"} index={index} />;
}
