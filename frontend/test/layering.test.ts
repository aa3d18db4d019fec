import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** What each room may import besides itself; a room in `views/` is a view. From the bottom up: no arrow goes up. */
const ALLOWED: Record<string, readonly string[]> = {
  lib: [],
  api: ["lib"],
  layout: ["lib", "api"],
  draw: ["lib", "api", "layout"],
  state: ["lib", "api", "layout", "draw"],
  "views/controls": ["lib", "api", "layout", "draw", "state"],
  "views/detail": ["views/controls"],
  "views/facets": ["views/controls"],
  // What a finding rests on is drawn with the drawer's pieces, in its place.
  "views/findings": ["views/controls", "views/detail"],
  "views/graph": ["views/controls"],
  // The loss is a chart like those of the drawer.
  "views/health": ["views/controls", "views/detail"],
  "views/help": ["views/controls"],
  "views/instances": ["views/controls"],
  "views/matrix": ["views/controls"],
  "views/projection": ["views/controls"],
  "views/toolbar": ["views/controls"],
  views: ["views/controls", "views/*"],
  ".": ["*"],
};

type Modules = ReadonlyMap<string, string>;

/** Addresses that a module imports, also those of types and those that are imported when needed. */
function importsOf(name: string, text: string, modules: Modules): string[] {
  const relative = Array.from(text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"?]*)/g), ([, path]) => path as string);
  return relative.flatMap((path) => {
    const parts = name.split("/").slice(0, -1);
    for (const part of path.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== ".") parts.push(part);
    }
    const target = parts.join("/");
    return ["", ".ts", ".tsx"].map((end) => target + end).filter((file) => modules.has(file));
  });
}

const roomOf = (name: string): string => name.split("/").slice(0, -1).join("/") || ".";

function isAllowed(from: string, to: string): boolean {
  if (from === to || from === ".") return true;
  const allowed = ALLOWED[from] ?? [];
  const below = from.startsWith("views") ? ["lib", "api", "layout", "draw", "state"] : [];
  return [...allowed, ...below].some((room) => room === to || (room === "views/*" && to.startsWith("views/")));
}

/** Imports over a wall, and modules that import each other in a circle. */
function violations(modules: Modules): { walls: string[]; circles: string[][]; unknown: string[] } {
  const graph = new Map(Array.from(modules, ([name, text]) => [name, importsOf(name, text, modules)]));
  const walls = Array.from(graph).flatMap(([name, targets]) =>
    targets.filter((target) => !isAllowed(roomOf(name), roomOf(target))).map((target) => `${name} imports ${target}`),
  );
  const circles: string[][] = [];
  const done = new Set<string>();
  const walk = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name]);
    if (done.has(name) || path.includes(name)) return;
    for (const target of graph.get(name) ?? []) walk(target, [...path, name]);
    done.add(name);
  };
  for (const name of graph.keys()) walk(name, []);
  const unknown = [...new Set(Array.from(graph.keys(), roomOf))].filter((room) => !(room in ALLOWED));
  return { walls, circles, unknown };
}

function sources(directory: string): Map<string, string> {
  const base = new URL(`../${directory}/`, import.meta.url);
  const names = readdirSync(base, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
  return new Map(
    names
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => [name, new TextDecoder().decode(readFileSync(new URL(name, base)))]),
  );
}

describe("rooms of the front end", () => {
  const modules = sources("src");
  const written = [...modules, ...sources("fixture")].filter(([name]) => name !== "api/contract.ts");

  it("import only what lies below them, and nothing in a circle", () => {
    expect(modules.size).toBeGreaterThan(100);
    expect(violations(modules)).toEqual({ walls: [], circles: [], unknown: [] });
  });

  it("do not hold made-up data: that is for tests and the page of `npm run dev`", () => {
    const names = Array.from(modules).filter(([, text]) => /(?:from|import)\s*\(?\s*"[^"]*\/fixtures?\//.test(text));
    expect(names.map(([name]) => name)).toEqual([]);
  });

  it.each([
    ["an arrow up", { "state/a.ts": 'import { b } from "../views/b";', "views/b.tsx": "" }],
    ["a type from above", { "layout/a.ts": 'import type { B } from "../state/b";', "state/b.ts": "" }],
    ["a view of a view", { "views/detail/A.tsx": 'import { B } from "../matrix/B";', "views/matrix/B.tsx": "" }],
    ["when needed", { "draw/a.ts": 'const b = () => import("../views/matrix/B");', "views/matrix/B.tsx": "" }],
    ["what is handed on", { "lib/a.ts": 'export { b } from "../api/b";', "api/b.ts": "" }],
  ])("would find a wall that is climbed: %s", (_, files) => {
    expect(violations(new Map(Object.entries(files))).walls).toHaveLength(1);
  });

  it("would find a circle, and a room that nobody has placed", () => {
    const circle = {
      "draw/a.ts": 'import "./b";',
      "draw/b.ts": 'import "./c";',
      "draw/c.ts": 'import type { A } from "./a";',
    };
    expect(violations(new Map(Object.entries(circle))).circles).toEqual([
      ["draw/a.ts", "draw/b.ts", "draw/c.ts", "draw/a.ts"],
    ]);
    expect(violations(new Map([["utils/a.ts", ""]])).unknown).toEqual(["utils"]);
  });

  it("begin with a line that says what the module does", () => {
    const silent = written.filter(([, text]) => !text.startsWith("/**"));
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it("have files of at most 400 lines, and lines of at most 140 characters", () => {
    const long = written.filter(([, text]) => text.split("\n").length > 401).map(([name]) => name);
    const wide = written.filter(([, text]) => text.split("\n").some((line) => line.length > 140)).map(([name]) => name);
    expect({ long, wide }).toEqual({ long: [], wide: [] });
  });
});
