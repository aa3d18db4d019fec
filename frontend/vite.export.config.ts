import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { JSX, jsxImports, plainImport } from "./chunks.ts";
import { notices } from "./notices.ts";

/** The tab of an export lays the graph out in the page: a page that was opened from a disk may start no worker. */
const noWorker = (): Plugin => ({
  name: "no-worker",
  enforce: "pre",
  resolveId: (id) =>
    id.endsWith("?worker&url") ? fileURLToPath(new URL("src/lib/noWorker.ts", import.meta.url)) : undefined,
});

// The tab of an export (`tensorboard-activis export`): one classic script, because a page that was opened from a disk can
// load no modules.
export default defineConfig({
  base: "./",
  plugins: [noWorker(), plainImport(), jsxImports(), notices().main()],
  oxc: { jsx: JSX },
  build: {
    target: "es2022",
    outDir: "../tensorboard_activis/export/static",
    emptyOutDir: true,
    modulePreload: false,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      transform: { define: { "import.meta": "{}" } },
      optimization: { inlineConst: { mode: "all", pass: 2 } },
      input: { tab: "src/exported.tsx" },
      output: { format: "iife", entryFileNames: "[name].js", codeSplitting: false },
    },
  },
});
