/** The list of instances below the classes. */

import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { alignedFormat, fixed, integer, signed } from "../../draw/format";
import { columns, hasPictures, hasTexts, snapshot } from "../../state/data";
import { hasSeveralLabels, hasVocabulary, labelName } from "../../state/derived";
import type { TermName } from "../../state/help";
import { paintingNeuron } from "../../state/positions";
import { Name } from "../controls/Name";
import { ClassName } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { useTexts } from "../controls/texts";
import { signedErrors } from "./grouping";
import { InstanceLines } from "./InstanceLines";
import { chosenSort, followSubject, type ListColumn, listedConcept, listedInstances, listSort } from "./listSubject";
import { useVirtualList } from "./virtualList";

/** Height of a row, and of one with a text. */
const [LINE, SAID] = [24, 40];

/** The instances of what was last hovered or picked, the most confident errors first. */
export function List(): JSX.Element | null {
  useEffect(followSubject, []);
  const { title, indices } = listedInstances.value;
  const line = hasTexts.value ? SAID : LINE;
  const list = useVirtualList(line, indices.length);
  const texts = useTexts(Array.from(indices.subarray(list.from, list.to)));
  const known = columns.value.value;
  const task = snapshot.value.value?.task;
  const plain = task !== "classification";
  const many = hasSeveralLabels(task);
  const words = hasVocabulary.value;
  const along = listedConcept.value;
  const third = useMemo(
    () => alignedFormat((many || words ? known?.loss : task === "ranking" ? known?.score : signedErrors.value) ?? []),
    [known, task],
  );
  if (!known) return null;
  const long = (snapshot.value.value?.class_names ?? []).slice(0, 200).some((name) => name.length > 2);
  // If all names would be truncated, they take the room of the missing pictures.
  const longest =
    long &&
    !hasPictures.value &&
    (snapshot.value.value?.class_names ?? []).slice(0, 200).some((name) => name.length > 6);
  const kind = many ? "plain many" : words ? "plain words" : plain ? "plain" : long ? "long" : "";
  return (
    <section
      class={`list ${kind}${longest ? " longest" : ""}${texts ? " said" : ""}`}
      aria-label={`${title}: ${indices.length} instances`}
      style={{ "--line": `${line}px` }}
    >
      <div class="list-head">
        <span class="list-title cut">
          <b title={title}>{title}</b> <span class="second">{integer(indices.length)}</span>
        </span>
        <Head by={many ? "score" : "label"} term={many ? "score" : undefined}>
          {many ? "score" : "label"}
        </Head>
        <Head
          by={many ? "loss" : task === "ranking" ? "score" : "prediction"}
          term={many ? "loss" : task === "ranking" ? "score" : undefined}
        >
          {many ? "loss" : task === "ranking" ? "score" : "pred."}
        </Head>
        {!plain && (
          <Head by="score" term="score">
            score
          </Head>
        )}
        {along ? (
          <Head by="along" term="concept">
            along
          </Head>
        ) : !plain ? (
          <Head by="label_score" term="label score">
            p(label)
          </Head>
        ) : null}
        {plain &&
          !along &&
          (many ? (
            <span />
          ) : task === "ranking" ? (
            <Head by="error" term="rank error">
              rank error
            </Head>
          ) : words ? (
            <Head by="loss" term="loss">
              loss
            </Head>
          ) : (
            <Head by="error">error</Head>
          ))}
      </div>
      {texts && paintingNeuron.value && indices.length > 0 && (
        <p class="caption list-shaded">shaded by n{paintingNeuron.value.neuron}, its peak in bold</p>
      )}
      {indices.length === 0 && (
        <p class="list-empty">
          {title === "Wrong"
            ? "There are no errors."
            : title === "Typed"
              ? "No kept instance matches."
              : "None of its instances is kept."}
        </p>
      )}
      <InstanceLines label={title} indices={indices} line={line} list={list} texts={texts}>
        {(index) => (
          <>
            <span class="list-label cut" title={long ? labelName(known.label[index]) : undefined}>
              {many ? fixed(known.score[index]) : <Name name={labelName(known.label[index])} />}
            </span>
            <span class="list-prediction">
              {many ? (
                third(known.loss[index])
              ) : task === "ranking" ? (
                third(known.score[index])
              ) : plain ? (
                labelName(known.prediction[index])
              ) : (
                <ClassName index={known.prediction[index] as number} />
              )}
            </span>
            {!plain && <span class="list-score">{fixed(known.score[index])}</span>}
            {(along || !plain) && (
              <span class="list-score second">{fixed((along?.values ?? known.label_score)[index])}</span>
            )}
            {plain && !along && (
              <span class="list-score second">
                {many
                  ? ""
                  : task === "ranking"
                    ? signed(signedErrors.value?.[index], 2)
                    : third((words ? known.loss : signedErrors.value)?.[index])}
              </span>
            )}
          </>
        )}
      </InstanceLines>
    </section>
  );
}

function Head({ by, term, children }: { by: ListColumn; term?: TermName | undefined; children: string }): JSX.Element {
  const now = listSort.value;
  const here = now.by === by;
  return (
    <button
      type="button"
      class={`list-${["label_score", "error", "loss", "along"].includes(by) ? "score" : by} head`}
      aria-label={`Sort by ${children}`}
      onClick={() => (chosenSort.value = { by, descending: here ? !now.descending : true })}
    >
      {term ? <Term name={term}>{children}</Term> : children}
      {here ? (now.descending ? " ↓" : " ↑") : ""}
    </button>
  );
}
