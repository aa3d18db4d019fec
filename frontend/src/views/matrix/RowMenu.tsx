/** The menu of a row. */

import type { JSX } from "preact";
import { addExpressionRow, chooseMethod, colourBy, removeRow, sortBy, spreadRow } from "../../state/actions";
import { negated } from "../../state/buildExpression";
import { steps } from "../../state/currentSnapshot";
import { expressionOf, nameOf, openLayers, sort } from "../../state/derived";
import { hasEffects } from "../../state/marginEffects";
import { isExpressionKey, isInstanceKey } from "../../state/rowKeys";
import { editSubset } from "../../state/subsetDraft";
import { Menu, type Option } from "../controls/Menu";
import { moveBy } from "./dragRow";
import { openMenu, renaming, showInDetail, siblingsOf } from "./rowMenuState";

/** The same menu for row labels and chips. */
export function RowMenu(): JSX.Element | null {
  const now = openMenu.value;
  if (!now) return null;
  const { key, anchor, where } = now;
  const rule = sort.value;
  const a = "a" in rule ? rule.a : null;
  const siblings = siblingsOf(key);
  const expression = expressionOf(key);
  const layersHere = (): string[] => (where === "chip" ? openLayers.peek() : [where.slice(3)]);
  const options: Option<() => void>[] = [
    { value: () => sortBy({ by: "row", a: key }), label: "Sort by this row", detail: "A" },
    {
      value: () => sortBy({ by: "difference", a: a ?? key, b: key }),
      label: "Set as B",
      detail: a && a !== key ? `${nameOf(a)} − ${nameOf(key)}` : "B",
      disabled: a === null || a === key,
    },
    ...(hasEffects.value
      ? [{ value: () => sortBy({ by: "effect", a: key }), label: "Sort by effect on its margin", detail: "estimated" }]
      : []),
    { value: () => showInDetail(key), label: "Show in detail" },
    ...(isInstanceKey(key)
      ? []
      : [
          {
            value: () => colourBy(`along:${key}`, layersHere()),
            label: "Colour by its direction",
            detail: "as a neuron",
          },
          {
            value: () => layersHere().forEach((layer) => chooseMethod(layer, `along:${key}`)),
            label: "Project along its direction",
          },
          { value: () => sortBy({ by: "direction", a: key }), label: "Sort by its direction" },
        ]),
    {
      value: () => spreadRow(key, layersHere()),
      label: "Over the steps",
      detail: "below the matrix",
      disabled: steps.value.length < 2,
    },
    ...(isExpressionKey(key)
      ? [
          {
            value: () => {
              renaming.value = { key, where };
            },
            label: "Rename",
            detail: where !== "chip" ? "F2" : undefined,
          },
        ]
      : []),
    ...(expression === null
      ? []
      : [
          {
            value: () => editSubset(anchor, expression, nameOf(key), key),
            label: isExpressionKey(key) ? "Edit or combine …" : "Edit or combine a copy …",
            detail: "and, or, not",
          },
          {
            value: () => addExpressionRow(negated(expression), `not ${nameOf(key)}`),
            label: "Add the rest as a row",
            detail: "not",
          },
        ]),
    { value: () => moveBy(key, siblings, -1), label: "Move up", detail: "Alt+↑", disabled: siblings[0] === key },
    { value: () => moveBy(key, siblings, 1), label: "Move down", detail: "Alt+↓", disabled: siblings.at(-1) === key },
    { value: () => removeRow(key), label: "Remove" },
  ];
  return (
    <Menu
      key={key}
      anchor={anchor}
      label={`Row ${nameOf(key)}`}
      options={options}
      onChoose={(act) => act()}
      onClose={() => (openMenu.value = null)}
    />
  );
}
