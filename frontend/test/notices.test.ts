import { describe, expect, it } from "vitest";
import { packageDirectory } from "../notices.ts";

describe("the package of a module", () => {
  it.each([
    ["/app/src/main.tsx", undefined],
    ["/app/node_modules/preact/hooks/dist/hooks.mjs", "/app/node_modules/preact"],
    ["/app/node_modules/@preact/signals/dist/signals.module.js?v=1", "/app/node_modules/@preact/signals"],
    ["/app/node_modules/a/node_modules/@b/c/index.js", "/app/node_modules/a/node_modules/@b/c"],
    ["C:\\app\\node_modules\\preact\\dist\\preact.mjs", "C:/app/node_modules/preact"],
    ["\0rolldown/runtime.js", "/app/node_modules/rolldown"],
    ["\0vite/preload-helper.js", "/app/node_modules/vite"],
  ])("%j", (id, directory) => expect(packageDirectory(id, "/app")).toBe(directory));

  it("of an unknown helper stops the build", () =>
    expect(() => packageDirectory("\0other/helper.js", "/app")).toThrow(/HELPERS/));
});
