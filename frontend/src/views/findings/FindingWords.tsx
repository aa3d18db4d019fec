/** A finding in words: its subject in a heavier weight, then what was counted; classes have their swatches. */

import type { JSX } from "preact";
import { countsOf, type Listed, type Part, withClasses } from "../../draw/findingWords";
import { snapshot } from "../../state/data";
import type { TermName } from "../../state/help";
import { ClassName } from "../controls/Swatch";

/** Text in which classes have their swatches. */
export function Words({ text }: { text: string }): JSX.Element {
  const parts: Part[] = withClasses(text, snapshot.value.value?.class_names ?? []);
  return (
    <>
      {parts.map((part, i) =>
        part.class === undefined ? <span key={i}>{part.text}</span> : <ClassName key={i} index={part.class} />,
      )}
    </>
  );
}

/** How the counts follow the title: "site = D fails: 41 of 99 wrong"; "8 is taken for 1 in 6 of 87"; or as a sentence of their own. */
function mark({ title, sentence }: Listed): string {
  if (sentence.startsWith(`${title} `)) return "";
  return sentence.startsWith(countsOf({ title, sentence })) ? "." : ":";
}

/** "site = D fails" and what follows it. */
export function Title({ finding }: { finding: Listed }): JSX.Element {
  return (
    <b>
      <Words text={finding.title} />
      {mark(finding)}
    </b>
  );
}

/** What its kind, and whether it is no accident, are explained by. */
export const KIND_TERMS: Record<string, TermName> = {
  "failing-slice": "failing slice",
  shortcut: "shortcut",
  "error-region": "error region",
  "label-suspect": "label suspect",
  dead: "dead",
  exploding: "exploding",
  collapsed: "collapsed",
  spike: "spike",
  drift: "drift",
  decodable: "decodable",
  duplicates: "duplicates",
  concept: "concept",
  confusion: "confusion",
};
