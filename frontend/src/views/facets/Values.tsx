/** A facet of values: bars side by side where they are few and short, else a list with a search. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { FacetValue, ValueFacet } from "../../api/types";
import { classColour } from "../../draw/classes";
import { count as counted, integer } from "../../draw/format";
import { barHeight } from "../../layout/facets";
import { snapshot } from "../../state/data";
import { hasNumericLabels, noun } from "../../state/derived";
import { literal } from "../../state/facetExpression";
import { choose, chosenIn, foundValues, searchValues, valueSearch } from "../../state/facets";
import { shownExpression } from "../../state/typed";
import { Name } from "../controls/Name";
import { Swatch } from "../controls/Swatch";

/** More values than these are a list, and so are longer names. */
const [MOST_BARS, LONGEST_BAR] = [20, 3];
/** Lists of more values can be searched. */
const FEW = 8;

/** A click on a value writes it, a second click takes it out. */
export function Values({ facet }: { facet: ValueFacet }): JSX.Element {
  const { name, kind } = facet;
  const classes = snapshot.value.value?.class_names ?? [];
  const isClass = (name === "label" || name === "prediction") && !hasNumericLabels(snapshot.value.value?.task);
  const values =
    isClass && kind !== "list" && classes.length <= MOST_BARS ? inClassOrder(facet.values, classes) : facet.values;
  const written = chosenIn(name).values;
  const toggle = (value: FacetValue["value"]): void => {
    const own = literal(value);
    // A boolean is one or the other.
    const others = kind === "boolean" ? [] : written.filter((other) => other !== own);
    choose(name, kind, { values: written.includes(own) ? others : [...others, own] });
  };
  const shared = {
    name,
    chosen: new Set(written),
    toggle,
    colourOf: (value: FacetValue["value"]) => (isClass ? classes.indexOf(String(value)) : -1),
  };
  const bars =
    kind !== "boolean" &&
    facet.distinct <= MOST_BARS &&
    values.every(({ value }) => String(value).length <= LONGEST_BAR);
  return bars ? <Bars {...shared} values={values} /> : <Lines {...shared} facet={facet} values={values} />;
}

interface Properties {
  name: string;
  values: readonly FacetValue[];
  chosen: ReadonlySet<string>;
  toggle: (value: FacetValue["value"]) => void;
  /** Index of a class; -1 for other values. */
  colourOf: (value: FacetValue["value"]) => number;
}

/** All classes, also those that nothing has. */
function inClassOrder(values: readonly FacetValue[], classes: readonly string[]): FacetValue[] {
  const there = new Map(values.map((one) => [String(one.value), one]));
  const numeric = values.some(({ value }) => typeof value === "number");
  return classes.map((name) => there.get(name) ?? { value: numeric ? Number(name) : name, count: 0, matching: 0 });
}

/** In words, for a title and for screen readers. */
const inWords = ({ count, matching }: FacetValue): string =>
  shownExpression.value === "" ? counted(count, noun.value) : `${integer(matching)} of ${integer(count)}`;

function Bars({ name, values, chosen, toggle, colourOf }: Properties): JSX.Element {
  const most = Math.max(...values.map(({ count }) => count));
  return (
    <div class="facet-bars">
      {values.map((one) => {
        const index = colourOf(one.value);
        const said = `${name} ${one.value}: ${inWords(one)}`;
        const some = shownExpression.value === "" ? 0 : one.matching;
        return (
          <button
            key={one.value}
            type="button"
            class="facet-bar"
            aria-pressed={chosen.has(literal(one.value))}
            aria-label={said}
            title={said}
            onClick={() => toggle(one.value)}
          >
            <span class="facet-column">
              <i class="facet-all" style={{ height: `${barHeight(one.count, most)}px` }} />
              <i
                class="facet-some"
                style={{
                  height: `${barHeight(some, most)}px`,
                  background: index < 0 ? undefined : classColour(index),
                }}
              />
            </span>
            <span class={`facet-value${some > 0 ? " there" : ""}`}>{String(one.value)}</span>
          </button>
        );
      })}
    </div>
  );
}

function Lines({ facet, ...shared }: Properties & { facet: ValueFacet }): JSX.Element {
  const { name, chosen, toggle, colourOf } = shared;
  const [found] = useState(() => foundValues(name));
  const search = valueSearch.value.get(name) ?? "";
  const answer = search.trim() === "" ? null : found.value.value?.columns[0];
  const values = answer?.type === "values" ? answer.values : shared.values;
  // As many values as instances tell nothing before something is searched.
  const single =
    facet.kind !== "boolean" && facet.values.length > FEW && facet.values.every(({ count }) => count === 1);
  const searched = facet.distinct > FEW;
  const most = Math.max(1, ...values.map(({ count }) => count));
  return (
    <>
      {searched && (
        <input
          class="facet-search"
          type="text"
          spellcheck={false}
          aria-label={`Search the values of ${name}`}
          placeholder={counted(facet.distinct, "value")}
          value={search}
          onInput={(event) => searchValues(name, event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && searchValues(name, "")}
        />
      )}
      <div class="facet-lines" role="group" aria-label={name}>
        {(single && !answer ? values.filter(({ value }) => chosen.has(literal(value))) : values).map((one) => {
          const index = colourOf(one.value);
          const text = one.value === true ? "yes" : one.value === false ? "no" : String(one.value);
          const own = name === "correct" ? (one.value ? "right" : "wrong") : text;
          const some = shownExpression.value === "" ? null : one.matching;
          return (
            <button
              key={one.value}
              type="button"
              class="facet-line"
              aria-pressed={chosen.has(literal(one.value))}
              title={`${own}: ${inWords(one)}`}
              onClick={() => toggle(one.value)}
            >
              <span class="facet-name">
                <span class="hidden-text">{name}</span> {index >= 0 && <Swatch index={index} />}
                <span class="cut">{index < 0 ? own : <Name name={own} />}</span>
              </span>{" "}
              <span class="facet-row">
                <i class="facet-all" style={{ width: `${(one.count / most) * 100}%` }} />
                {some !== null && some > 0 && (
                  <i
                    class="facet-some"
                    style={{
                      width: `max(2px, ${(some / most) * 100}%)`,
                      background: index < 0 ? undefined : classColour(index),
                    }}
                  />
                )}
              </span>
              <span class="number">
                {some !== null && (
                  <>
                    <b>{integer(some)}</b> of{" "}
                  </>
                )}
                {integer(one.count)}
              </span>
            </button>
          );
        })}
        {answer && values.length === 0 && <span class="second">No value contains “{search}”.</span>}
      </div>
    </>
  );
}
