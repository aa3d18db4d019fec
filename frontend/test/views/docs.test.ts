import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { termPage } from "../../src/views/help/Docs";
import { GLOSSARY } from "../../src/views/help/glossary";
import { KEYS, WAYS } from "../../src/views/help/keys";

const read = (path: string): string =>
  new TextDecoder().decode(readFileSync(new URL(`../../../docs/${path}`, import.meta.url)));

/** The ids of a page's headings, as docutils makes them of their words: ASCII letters and digits, beginning with a letter. */
function ids(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => {
    const ascii = heading
      .toLowerCase()
      .normalize("NFKD")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what is no ASCII is left out
      .replace(/[^\x00-\x7f]/g, "")
      .trim()
      .split(/\s+/)
      .join(" ");
    return ascii.replace(/[^a-z0-9]+/g, "-").replace(/^[-0-9]+|-+$/g, "");
  });
}

describe("links to the documentation", () => {
  it("lead to a heading for every term", () => {
    const there = ids(read("terms.md"));
    const titles = Object.values(GLOSSARY).map(({ title }) => title);
    expect(new Set(titles.map(termPage)).size).toBe(titles.length);
    expect(titles.filter((title) => !there.includes(termPage(title).replace("terms.html#", "")))).toEqual([]);
  });

  it("lead to pages and headings that are there", () => {
    for (const { page } of [...KEYS, ...WAYS]) {
      const [name = "", anchor] = page.replace(".html", ".md").split("#");
      const there = ids(read(name));
      expect(there.length, page).toBeGreaterThan(0);
      if (anchor) expect(there, page).toContain(anchor);
    }
  });
});
