import { fixtureSource } from "./api/fixture/source";
import { start } from "./start";

/**
 * The tab without a server: `npm run dev`, then open `/?dark&bar`. `bar` draws TensorBoard's bar above it, `empty` a
 * log directory without activations, `delay=400` waits, `fail=matrix` breaks one route, `task=regression` or
 * `task=none`, `content=text` or `content=numbers`.
 */
const options = new URLSearchParams(location.search);
document.body.classList.add(options.has("dark") ? "dark-mode" : "light-mode");
document.documentElement.style.height = "100%";
document.body.style.cssText = "height: 100%; margin: 0; display: flex; flex-direction: column; overflow: hidden";
if (options.has("bar")) {
  const bar = document.createElement("div");
  const colour = options.has("dark") ? "#ef6c00" : "#f57c00";
  bar.style.cssText = `flex: none; height: 64px; background: ${colour}; color: #fff; font: 500 20px/64px Roboto; padding-left: 26px`;
  bar.textContent = "TensorBoard";
  document.body.append(bar);
}
const mount = document.createElement("div");
mount.style.cssText = "flex: 1; min-height: 0; position: relative";
document.body.append(mount);
const one = <T extends string>(name: string, allowed: readonly T[]): T | undefined =>
  allowed.find((value) => value === options.get(name));
start(
  fixtureSource({
    delay: Number(options.get("delay") ?? 0),
    empty: options.has("empty"),
    fail: options.get("fail") ?? undefined,
    task: one("task", ["regression", "none"]),
    content: one("content", ["text", "numbers"]),
  }),
  mount,
);
