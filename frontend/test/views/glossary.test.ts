import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GLOSSARY } from "../../src/views/help/glossary";

const read = (path: string): string => new TextDecoder().decode(readFileSync(new URL(path, import.meta.url)));

/** The page that says more of a term, behind it. */
const WHERE = /\n\n\[[^\]\n]+\]\([^()\n]+\)(?=\n*(\n## |$))/g;

/** Every `<Term name="…">`, every `term` of a heading, and every name in a table of patterns. */
function used(): Set<string> {
  const base = "../../src/views/";
  const files = readdirSync(new URL(base, import.meta.url), { recursive: true, encoding: "utf8" });
  const texts = files
    .filter((name) => name.endsWith(".tsx") && !name.startsWith("help"))
    .map((name) => read(base + name));
  const isUsed = (name: string): boolean =>
    texts.some(
      (text) =>
        [`name="${name}"`, `term="${name}"`, `, "${name}"],`, `: "${name}",`].some((use) => text.includes(use)) ||
        Array.from(text.matchAll(/term=\{([^}]*)\}/g)).some(([, value]) => value?.includes(`"${name}"`)),
    );
  return new Set(Object.keys(GLOSSARY).filter(isUsed));
}

describe("the glossary", () => {
  it("says what docs/terms.md says", () => {
    const entries = Object.values(GLOSSARY)
      .toSorted((a, b) => a.title.toLowerCase().localeCompare(b.title.toLowerCase()))
      .map(({ title, short, more }) => `${title}: ${short}${more ? ` ${more}` : ""}`);
    // A heading for each, so that every term has an address.
    const [, ...sections] = read("../../../docs/terms.md").replace(WHERE, "").split("\n## ");
    expect(sections.map((text) => text.replace("\n\n", ": ").replace(/\s+/g, " ").trim())).toEqual(entries);
  });

  it("explains every term somewhere where it is used, but for those that others are explained by", () => {
    const there = used();
    const unused = Object.keys(GLOSSARY).filter((name) => !there.has(name));
    expect(unused.filter((name) => name !== "activation")).toEqual([]);
  });
});
