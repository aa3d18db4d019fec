/** The select for sorting the neurons. */

import type { JSX } from "preact";
import { sortBy } from "../../state/actions";
import { columns, rows } from "../../state/data";
import { labelName, nameOf, shortName, sort } from "../../state/derived";
import { drawnStep } from "../../state/drawnStep";
import { hasEffects } from "../../state/marginEffects";
import { clustersOf, type MatrixQuery, sortQuery } from "../../state/matrices";
import { isPending } from "../../state/pending";
import { instanceOfKey, isInstanceKey, type RowKey, rowKey, subsetKey } from "../../state/rowKeys";
import type { Sort } from "../../state/rows";
import type { Option } from "../controls/Menu";
import { Name } from "../controls/Name";
import { Select } from "../controls/Select";
import { RowSwatch, Thumbnail } from "../controls/Swatch";
import { Term } from "../controls/Term";

/** The most differences that are offered: of more rows, A and B are chosen on the rows. */
const MOST = 60;

/** Sorts the neurons of all panels. */
export function SortSelect(): JSX.Element {
  const rule = shownRule();
  return (
    <Select
      busy={isPending(sortedElse)}
      label="Sort neurons by"
      value={JSON.stringify(rule)}
      options={() => optionsFor(rule)}
      says={text(rule)}
      onChoose={(rule) => sortBy(JSON.parse(rule) as Sort)}
    >
      {rule.by === "clustered" ? <Term name="clusters">{text(rule)}</Term> : <Content rule={rule} />}
      <OrderOf />
    </Select>
  );
}

function optionsFor(rule: Sort): Option<string>[] {
  const options: Option<string>[] = [{ by: "index" }, { by: "strongest" }, { by: "clustered" }].map((plain) => ({
    value: JSON.stringify(plain),
    label: text(plain as Sort),
    detail: DETAILS[plain.by],
  }));
  differences(rule).forEach((difference, i) =>
    options.push({
      value: JSON.stringify(difference),
      label: text(difference),
      content: <Content rule={difference} />,
      heading: i ? undefined : "Difference of two rows",
    }),
  );
  for (const by of ["row", "direction", "effect"] as const) {
    const keys = by === "effect" && !hasEffects.value ? [] : rows.value.map(rowKey);
    keys
      .filter((key) => by !== "direction" || !isInstanceKey(key))
      .forEach((a, i) => {
        const rule: Sort = { by, a };
        options.push({
          value: JSON.stringify(rule),
          label: text(rule),
          content: <Content rule={rule} />,
          heading: i ? undefined : HEADINGS[by],
        });
      });
  }
  return options;
}

const HEADINGS = { row: "Row", direction: "Direction", effect: "Effect on the margin" };
/** What is said before the name of a row. */
const BEFORE = { row: "", direction: "direction of ", effect: "effect on " };

const DETAILS: Record<string, string> = {
  index: "as in the layer",
  strongest: "largest in any row first",
  clustered: "neurons that behave alike side by side",
};

const sortedElse = (shown: Partial<MatrixQuery>): boolean =>
  shown.rows?.length === rows.value.length &&
  JSON.stringify(shown.sort) !== JSON.stringify(sortQuery(sort.value, rows.value));

/** The rule in effect: by index if its rows are not shown. */
function shownRule(): Sort {
  return sortQuery(sort.value, rows.value).by === sort.value.by ? sort.value : { by: "index" };
}

/**
 * Differences to offer: the current one, those of A with the other rows, and label against prediction for pinned
 * errors.
 */
function differences(rule: Sort): Sort[] {
  const rules = new Map<string, Sort>();
  const add = (a: RowKey, b: RowKey): void => {
    if (a !== b) rules.set(`${a} ${b}`, { by: "difference", a, b });
  };
  if (rule.by === "difference") {
    add(rule.a, rule.b);
    add(rule.b, rule.a);
  }
  const [there, known] = [new Set(rows.value.map(rowKey)), columns.value.value];
  for (const row of rows.value) {
    if (row.kind !== "instance" || known?.correct[row.index] !== 0) continue;
    const [own, other] = [
      subsetKey(labelName(known.label[row.index])),
      subsetKey(labelName(known.prediction[row.index])),
    ];
    if (there.has(own) && there.has(other)) add(own, other);
  }
  if (rule.by === "row") for (const row of rows.value.slice(0, MOST)) add(rule.a, rowKey(row));
  return [...rules.values()];
}

function text(rule: Sort): string {
  if (rule.by === "difference") return `effect size ${nameOf(rule.a)} − ${nameOf(rule.b)}`;
  if ("a" in rule) return BEFORE[rule.by] + nameOf(rule.a);
  return rule.by === "clustered" ? "clusters" : rule.by;
}

function Content({ rule }: { rule: Sort }): JSX.Element | string {
  if (rule.by === "difference") {
    return (
      <>
        effect size <Named row={rule.a} /> − <Named row={rule.b} />
      </>
    );
  }
  if (!("a" in rule)) return text(rule);
  return (
    <>
      {BEFORE[rule.by]}
      <Named row={rule.a} />
    </>
  );
}

/** "order of step 280", where the clusters are not those of the step that is drawn. */
function OrderOf(): JSX.Element | null {
  const made = clustersOf.value;
  return made === null ? null : (
    <span class="second" title={`Choose clusters again to order the neurons by step ${drawnStep.value}`}>
      order of step {made}
    </span>
  );
}

function Named({ row }: { row: RowKey }): JSX.Element {
  const name = (
    <span class="cut">
      <Name name={nameOf(row)} short={shortName(row)} />
    </span>
  );
  const instance = instanceOfKey(row);
  return instance !== null ? (
    <>
      <Thumbnail index={instance} size={16} />
      {name}
    </>
  ) : (
    <>
      <RowSwatch row={row} />
      {name}
    </>
  );
}
