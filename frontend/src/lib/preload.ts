/** Replaces Vite's preload helper. */

/**
 * Vite calls this around `import()`, with the files that are needed. They are fetched first, which fills the browser's
 * cache: a browser never asks again for a module that it could not load, so that no other attempt could succeed. Without
 * files where the module is in the same file as the call.
 */
export async function __vitePreload<T>(
  load: () => Promise<T>,
  files: readonly string[] = [],
  from: string,
): Promise<T> {
  const answers = await Promise.all(files.map((file) => fetch(new URL(file, from))));
  const missing = answers.find(({ ok }) => !ok);
  if (missing) throw new Error(`${missing.url}: ${missing.status}`);
  return load();
}
