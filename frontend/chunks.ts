import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

/**
 * How the bundle is split: index.js holds all that is imported before the first picture, `import()` makes files beside
 * it.
 */

interface Context {
  getModuleInfo: (id: string) => { isEntry: boolean; importers: readonly string[] } | null;
}

/**
 * The chunk of a module: "index" where a chain of static imports leads to it from the entry, else by the bundler's
 * rules.
 */
export function chunkOf(id: string, context: Context): string | null {
  const seen = new Set<string>();
  const isEager = (module: string): boolean => {
    if (seen.has(module)) return false;
    seen.add(module);
    const info = context.getModuleInfo(module);
    return info !== null && (info.isEntry || info.importers.some(isEager));
  };
  return isEager(id) ? "index" : null;
}

/** Leaves `import()` as it is written: see src/lib/preload.ts. */
export const plainImport = (): Plugin => ({
  name: "plain-import",
  enforce: "pre",
  resolveId: (id) =>
    id === "\0vite/preload-helper.js" ? fileURLToPath(new URL("src/lib/preload.ts", import.meta.url)) : undefined,
});
