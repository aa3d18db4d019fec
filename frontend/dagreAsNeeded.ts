import type { Plugin } from "vite";

/** What is dropped of dagre's one file, by where it is called; the bundler then finds that nobody else does. */
const UNUSED: readonly [
  what: string,
  called: RegExp,
  instead: string | ((call: string, ...names: string[]) => string),
][] = [
  [
    "all algorithms on graphs but two",
    /\(([\w$]+),\{(?:\w+:\(\)=>[\w$]+,?)+\}\)/g,
    (call) => call.replaceAll(/\b(?!preorder|postorder)\w+:\(\)=>[\w$]+,?/g, ""),
  ],
  // Our layout nests by itself: dagre sees flat graphs.
  [
    "steps for nodes within nodes",
    /\w\(" {4}(?:parentDummyChains|addBorderSegments|removeBorderNodes)",\(\)=>\w+\(\w\)\),/g,
    "",
  ],
];
/** A graph within a node is laid out by these: a graph as dagre wants it, its steps, and what is copied back. */
const STEPS = /let (\w)=(\w+)\((\w)\);(\w+)\(\1,\w,\w,null\),(\w+)\(\3,\1\)/;
const LAYOUT = /(function \w+\((\w),(\w)=\{\}\)\{)return \w+\(\2,(\w+),\3\),\2\}/;

/** dagre's file with only what `graphDagre.ts` needs. Throws when a newer dagre is written in another way. */
export function asNeeded(code: string): string {
  const [, , wanted, , run, back] = STEPS.exec(code) ?? [];
  if (!wanted || !LAYOUT.test(code))
    throw new Error(
      "dagre's layout is written in another way than dagreAsNeeded.ts knows: look there, or leave dagre as it is.",
    );
  const flat = code.replace(
    LAYOUT,
    (_, start: string, graph: string, options: string, time: string) =>
      `${start}const flat=${wanted}(${graph});return ${run}(flat,${time},${options}),${back}(${graph},flat),${graph}}`,
  );
  return UNUSED.reduce((left, [what, called, instead]) => {
    if (left.search(called) < 0) throw new Error(`dagreAsNeeded.ts does not find ${what} in this dagre.`);
    return left.replaceAll(called, instead as string);
  }, flat);
}

export const dagreAsNeeded = (): Plugin => ({
  name: "dagre-as-needed",
  transform: (code, id) => (id.endsWith("dagre.esm.js") ? asNeeded(code) : undefined),
});
