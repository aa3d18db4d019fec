import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { dagreAsNeeded } from "./dagreAsNeeded.ts";
import { notices } from "./notices.ts";

const { main, worker } = notices();

/**
 * Elements become calls of `h` with their children behind the props, which needs no list and no name for them: 800
 * bytes gzipped less.
 */
const preactInScope = (): Plugin => ({
  name: "preact-in-scope",
  enforce: "pre",
  transform: (code, id) => (/\.tsx$/.test(id) ? `import * as preact from "preact"; ${code}` : undefined),
});

// An app bundle with an exported render(): TensorBoard's frame imports index.js and calls it. Workers are files of
// their own, because TensorBoard's content security policy blocks blob: workers; every address is relative, because a
// path prefix may go before it.
export default defineConfig({
  base: "./",
  plugins: [preactInScope(), main()],
  oxc: { jsx: { runtime: "classic", pragma: "preact.h", pragmaFrag: "preact.Fragment" } },
  build: {
    target: "es2022",
    outDir: "../tensorboard_activis/serve/static",
    emptyOutDir: true,
    modulePreload: false,
    rolldownOptions: {
      input: { index: "src/main.tsx" },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
  worker: {
    format: "es",
    plugins: () => [dagreAsNeeded(), worker()],
    rolldownOptions: { output: { entryFileNames: "[name].js" } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
