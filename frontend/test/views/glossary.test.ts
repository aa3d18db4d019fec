import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GLOSSARY } from "../../src/views/help/glossary";

const read = (path: string): string => new TextDecoder().decode(readFileSync(new URL(path, import.meta.url)));

/** Every `<Term name="…">` and every name that is looked up in a table of terms. */
function used(): Set<string> {
  const base = "../../src/views/";
  const files = readdirSync(new URL(base, import.meta.url), { recursive: true, encoding: "utf8" });
  const texts = files
    .filter((name) => name.endsWith(".tsx") && !name.startsWith("help"))
    .map((name) => read(base + name));
  return new Set(Object.keys(GLOSSARY).filter((name) => texts.some((text) => text.includes(`"${name}"`))));
}

describe("the glossary", () => {
  it("says what docs/terms.md says", () => {
    const entries = Object.values(GLOSSARY)
      .toSorted((a, b) => a.title.toLowerCase().localeCompare(b.title.toLowerCase()))
      .map(({ title, short, more }) => `**${title}**: ${short}${more ? ` ${more}` : ""}`);
    const [, ...paragraphs] = read("../../../docs/terms.md").split("\n\n");
    expect(paragraphs.slice(1).map((text) => text.replace(/\s+/g, " ").trim())).toEqual(entries);
  });

  it("explains the terms where they are used", () => {
    for (const name of ["z over the rows", "z within a class", "effect size", "AUC", "false discovery", "label score"])
      expect(used()).toContain(name);
    for (const name of ["spatial mean", "never above zero", "strip", "kept", "PCA", "t-SNE"])
      expect(used()).toContain(name);
  });
});
