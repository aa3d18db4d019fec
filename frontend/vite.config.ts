import { defineConfig } from "vitest/config";
import { notices } from "./notices.ts";

const { main, worker } = notices();

// An app bundle with an exported render(): TensorBoard's frame imports index.js and calls it. Workers are files of
// their own, because TensorBoard's content security policy blocks blob: workers; every address is relative, because a
// path prefix may go before it.
export default defineConfig({
  base: "./",
  plugins: [main()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
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
    plugins: () => [worker()],
    rolldownOptions: { output: { entryFileNames: "[name].js" } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
