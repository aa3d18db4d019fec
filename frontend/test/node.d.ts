/** All that tests need of Node. */
declare module "node:fs" {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  export function readdirSync(path: URL, options: { recursive: true; encoding: "utf8" }): string[];
}
declare module "node:url" {
  export function fileURLToPath(url: URL): string;
}
