import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

/**
 * The files of the bundle: index.js is all that is imported before the first picture, and `import()` loads two files
 * beside it, the drawer and all the rest. One file for each part would be larger in all: small ones compress badly.
 */
export const CHUNKS = [
  { name: "index", tags: ["$initial" as const], priority: 2 },
  { name: "detail", test: "/views/detail/(?!save|compare)", priority: 1 },
  { name: "more" },
];

/** Leaves `import()` as it is written: see src/lib/preload.ts. */
export const plainImport = (): Plugin => ({
  name: "plain-import",
  enforce: "pre",
  resolveId: (id) =>
    id === "\0vite/preload-helper.js" ? fileURLToPath(new URL("src/lib/preload.ts", import.meta.url)) : undefined,
});
