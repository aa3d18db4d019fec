/** The list of instances below the classes. */

import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { alignedFormat, fixed, integer, signed } from "../../draw/format";
import { clickInstance } from "../../state/actions";
import { columns, hasPictures, hasTexts, snapshot } from "../../state/data";
import { hasSeveralLabels, instanceName, labelName, pinned, shortOf } from "../../state/derived";
import type { TermName } from "../../state/help";
import { clearHover, hover, hoveredInstance, setHover } from "../../state/hover";
import { selection } from "../../state/view";
import { InstanceText } from "../controls/InstanceText";
import { Name } from "../controls/Name";
import { ClassName, Thumbnail } from "../controls/Swatch";
import { Term } from "../controls/Term";
import { useTexts } from "../controls/texts";
import { signedErrors } from "./grouping";
import { chosenSort, followSubject, type ListColumn, listedInstances, listSort } from "./listSubject";
import { useVirtualList } from "./virtualList";

/** Height of a row, and of one with a text. */
const [LINE, SAID] = [24, 40];
/** Letters of a text that a row shows at least. */
const SEEN = 40;

/** The instances of what was last hovered or picked, the most confident errors first. */
export function List(): JSX.Element | null {
  useEffect(followSubject, []);
  const { title, indices } = listedInstances.value;
  const line = hasTexts.value ? SAID : LINE;
  const { ref, from, to, onScroll, show } = useVirtualList(line, indices.length);
  const texts = useTexts(Array.from(indices.subarray(from, to)));
  const known = columns.value.value;
  const task = snapshot.value.value?.task;
  const plain = task !== "classification";
  const many = hasSeveralLabels(task);
  const third = useMemo(
    () => alignedFormat((many ? known?.loss : task === "ranking" ? known?.score : signedErrors.value) ?? []),
    [known, task],
  );
  if (!known) return null;
  const long = (snapshot.value.value?.class_names ?? []).slice(0, 200).some((name) => name.length > 2);
  // If all names would be truncated, they take the room of the missing pictures.
  const longest =
    long &&
    !hasPictures.value &&
    (snapshot.value.value?.class_names ?? []).slice(0, 200).some((name) => name.length > 6);
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const at = hover.peek().instance === undefined ? -1 : indices.indexOf(hover.peek().instance as number);
    if (by !== undefined) {
      const next = Math.max(0, Math.min(indices.length - 1, at + by));
      const index = indices[next];
      if (index === undefined) return;
      setHover({ instance: index });
      show(next);
    } else if (event.key === "Enter" && at >= 0) clickInstance(indices[at] as number);
    else return;
    event.preventDefault();
  };
  return (
    <section
      class={`list${many ? " plain many" : plain ? " plain" : long ? " long" : ""}${longest ? " longest" : ""}${texts ? " said" : ""}`}
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
        {!plain && (
          <Head by="label_score" term="label score">
            p(label)
          </Head>
        )}
        {plain &&
          (many ? (
            <span />
          ) : task === "ranking" ? (
            <Head by="error" term="rank error">
              rank error
            </Head>
          ) : (
            <Head by="error">error</Head>
          ))}
      </div>
      {indices.length === 0 && (
        <p class="list-empty">
          {title === "Wrong"
            ? "There are no errors."
            : title === "Typed"
              ? "No instance matches."
              : "None of its instances is kept."}
        </p>
      )}
      <div
        ref={ref}
        class="list-scroll"
        tabIndex={0}
        role="listbox"
        aria-label={title}
        onScroll={onScroll}
        onKeyDown={keys}
        onPointerLeave={clearHover}
        onBlur={clearHover}
      >
        <div style={{ height: `${indices.length * line}px` }}>
          {Array.from(indices.subarray(from, to), (index, i) => {
            const isSelected = selection.value?.kind === "instance" && selection.value.index === index;
            const strong = isSelected || hoveredInstance.value === index;
            return (
              <div
                key={index}
                role="option"
                aria-selected={isSelected}
                class={`list-row${strong ? " lit" : ""}${strong || pinned.value.includes(index) ? " strong" : ""}`}
                style={{ top: `${(from + i) * line}px` }}
                onClick={() => clickInstance(index)}
                onPointerEnter={() => setHover({ instance: index })}
              >
                {texts && (
                  <span class="list-text cut" dir="auto">
                    <InstanceText text={texts.get(index) ?? "…"} room={SEEN} />
                  </span>
                )}
                <span class={`list-name${texts ? " second" : ""}`}>
                  <Thumbnail index={index} size={20} />
                  <span class="cut">{instanceName(index)}</span>
                </span>
                <span class="list-label cut" title={long ? labelName(known.label[index]) : undefined}>
                  {many ? (
                    fixed(known.score[index])
                  ) : (
                    <Name name={labelName(known.label[index])} short={shortOf(labelName(known.label[index]))} />
                  )}
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
                {!plain && <span class="list-score second">{fixed(known.label_score[index])}</span>}
                {plain && (
                  <span class="list-score second">
                    {many
                      ? ""
                      : task === "ranking"
                        ? signed(signedErrors.value?.[index], 2)
                        : third(signedErrors.value?.[index])}
                  </span>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

function Head({ by, term, children }: { by: ListColumn; term?: TermName | undefined; children: string }): JSX.Element {
  const now = listSort.value;
  const here = now.by === by;
  return (
    <button
      type="button"
      class={`list-${by === "label_score" || by === "error" ? "score" : by} head`}
      aria-label={`Sort by ${children}`}
      onClick={() => (chosenSort.value = { by, descending: here ? !now.descending : true })}
    >
      {term ? <Term name={term}>{children}</Term> : children}
      {here ? (now.descending ? " ↓" : " ↑") : ""}
    </button>
  );
}
