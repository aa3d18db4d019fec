import { readdirSync, readFileSync } from "node:fs";
import { parseSync } from "vite";
import { describe, expect, it } from "vitest";

/**
 * Preact knows an element without a key by its place among its siblings. Where what stands in a place changes its kind, say a caption
 * becomes a button, Preact looks for an old element of the new kind, and takes one that stands later, which then is made anew: focus, scroll
 * position and state go to another one, and a second click hits what nobody meant. A key keeps the later one what it is.
 */
type Node = { type: string; start: number; [name: string]: unknown };

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === "string";

/** All nodes of a tree. */
function* within(node: unknown): Generator<Node> {
  if (Array.isArray(node)) for (const one of node) yield* within(one);
  else if (isNode(node)) {
    yield node;
    for (const value of Object.values(node)) if (typeof value === "object") yield* within(value);
  }
}

const nameOf = ({ name, object, property }: Node): string =>
  typeof name === "string" ? name : `${nameOf(object as Node)}.${nameOf(property as Node)}`;

const opening = (element: Node) => element.openingElement as Node & { name: Node; attributes: Node[] };

const hasKey = (element: Node): boolean =>
  opening(element).attributes.some(({ type, name }) => type === "JSXAttribute" && nameOf(name as Node) === "key");

/** What can stand in a place, without what draws nothing. */
function branches(node: Node): Node[] {
  const of = (...names: string[]): Node[] => names.flatMap((name) => branches(node[name] as Node));
  if (node.type === "JSXExpressionContainer" || node.type === "ParenthesizedExpression") return of("expression");
  if (node.type === "ConditionalExpression") return of("consequent", "alternate");
  if (node.type === "LogicalExpression") return node.operator === "&&" ? of("right") : of("left", "right");
  const isNothing =
    node.type === "JSXEmptyExpression" ||
    (node.type === "Literal" && (node.value === null || node.value === false)) ||
    (node.type === "Identifier" && node.name === "undefined") ||
    (node.type === "JSXText" && String(node.value).trim() === "");
  return isNothing ? [] : [node];
}

/** What Preact compares: the element's name, with its key where it has one; a list is a fragment; all else is text. */
function kindOf(node: Node): string {
  if (node.type === "JSXElement") return `${nameOf(opening(node).name)}${hasKey(node) ? " with a key" : ""}`;
  const isList = node.type === "CallExpression" && /map$/i.test(source(node.callee as Node));
  return node.type === "JSXFragment" || isList ? "fragment" : "text";
}

const source = ({ property }: Node): string => (isNode(property) ? nameOf(property) : "");

/** Whether anything in it has a state that would get lost: a component may; of elements those that take the focus. */
const hasState = (node: Node): boolean =>
  Array.from(within(node)).some(
    (one) =>
      one.type === "JSXElement" &&
      (/^[A-Z]/.test(nameOf(opening(one).name)) ||
        /^(a|audio|button|details|input|select|textarea|video)$/.test(nameOf(opening(one).name)) ||
        opening(one).attributes.some(({ name }) => isNode(name) && /^tabindex$/i.test(nameOf(name)))),
  );

/** Elements that may be taken for an earlier sibling, as "kind in line". */
function taken(text: string): string[] {
  const { program } = parseSync("view.tsx", text);
  const lineOf = ({ start }: Node): number => text.slice(0, start).split("\n").length;
  return Array.from(within(program)).flatMap(({ type, children }) => {
    if (type !== "JSXElement" && type !== "JSXFragment") return [];
    const places = (children as Node[]).map(branches);
    return places.flatMap((place, at) => {
      const kinds = new Set(place.map(kindOf));
      if (kinds.size < 2) return [];
      const later = places.slice(at + 1).flat();
      return later
        .filter((one) => kinds.has(kindOf(one)) && !kindOf(one).endsWith("key") && hasState(one))
        .map((one) => `${kindOf(one)} in line ${lineOf(one)}`);
    });
  });
}

const root = new URL("../src/", import.meta.url);
const views = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tsx"));

describe("no element is taken for another one", () => {
  it.each(views)("%s", (name) =>
    expect(taken(new TextDecoder().decode(readFileSync(new URL(name, root))))).toEqual([]),
  );

  it("there are views", () => expect(views.length).toBeGreaterThan(100));

  it.each([
    [
      "a caption becomes a button",
      "<p>{a ? <i>0</i> : <button>stop</button>}<button>all</button></p>",
      ["button in line 1"],
    ],
    ["a text becomes a button", '<p>{a ? "0" : <button>stop</button>}<button>all</button></p>', ["button in line 1"]],
    [
      "of fragments",
      "<p>{a ? <i /> : b ? <><i /><Stop /></> : null}{c && <><Last /><Next /></>}</p>",
      ["fragment in line 1"],
    ],
    ["with a key", '<p>{a ? <i>0</i> : <button>stop</button>}<button key="all">all</button></p>', []],
    ["there or not there", "<p>{a && <button>stop</button>}<button>all</button></p>", []],
    ["always a button", "<p>{a ? <button>stop</button> : <button>go</button>}<button>all</button></p>", []],
    ["without a state", "<p>{a ? <i>0</i> : <span>stop</span>}<span>all</span></p>", []],
  ])("%s", (_, text, expected) => expect(taken(`const view = ${text};`)).toEqual(expected));
});
