import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

/**
 * The files of the bundle: index.js is all that is imported before the first picture, and `import()` loads all the rest.
 * One file for each part would be larger in all: small ones compress badly.
 */
export const CHUNKS = [{ name: "index", tags: ["$initial" as const], priority: 1 }, { name: "more" }];

/** Leaves `import()` as it is written: see src/lib/preload.ts. */
export const plainImport = (): Plugin => ({
  name: "plain-import",
  enforce: "pre",
  resolveId: (id) =>
    id === "\0vite/preload-helper.js" ? fileURLToPath(new URL("src/lib/preload.ts", import.meta.url)) : undefined,
});

/** The names of `h` and `Fragment` in modules that `jsxImports` has seen. */
export const JSX = { runtime: "classic", pragma: "_h", pragmaFrag: "_Fragment" } as const;

/** JSX becomes calls of Preact's `h`, which takes children as arguments: that is shorter than the automatic runtime. */
export const jsxImports = (): Plugin => ({
  name: "jsx-imports",
  enforce: "pre",
  transform: (code, id) =>
    id.endsWith(".tsx")
      ? { code: `import { h as ${JSX.pragma}, Fragment as ${JSX.pragmaFrag} } from "preact";${code}`, map: null }
      : undefined,
});
