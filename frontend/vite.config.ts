import { defineConfig } from "vitest/config";
import { CHUNKS, JSX, jsxImports, plainImport } from "./chunks.ts";
import { notices } from "./notices.ts";

const { main, worker } = notices();

// An app bundle with an exported render(): TensorBoard's frame imports index.js and calls it. Workers are files of
// their own, because TensorBoard's content security policy blocks blob: workers; every address is relative, because a
// path prefix may go before it. What is loaded later bears a hash in its name: a page that was opened before the plugin
// was updated must not get a part of another version.
export default defineConfig({
  base: "./",
  plugins: [plainImport(), jsxImports(), main()],
  oxc: { jsx: JSX },
  build: {
    target: "es2022",
    outDir: "../tensorboard_activis/serve/static",
    emptyOutDir: true,
    modulePreload: { polyfill: false, resolveDependencies: (file) => [file] },
    rolldownOptions: {
      optimization: { inlineConst: { mode: "all", pass: 2 } },
      input: { index: "src/main.tsx" },
      preserveEntrySignatures: "allow-extension",
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name][extname]",
        codeSplitting: { groups: CHUNKS },
      },
    },
  },
  worker: {
    format: "es",
    plugins: () => [worker()],
    rolldownOptions: { output: { entryFileNames: "[name]-[hash].js" } },
  },
  // A machine that is busy fails no test.
  test: { include: ["test/**/*.test.ts"], environment: "node", testTimeout: 120_000, hookTimeout: 120_000 },
});
