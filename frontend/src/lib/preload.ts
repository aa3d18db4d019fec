/** Replaces Vite's preload helper. */

/**
 * Vite calls this around `import()` to fetch style sheets and modules first. There is nothing to fetch: all styles are
 * in index.js.
 */
export const __vitePreload = <T>(load: () => Promise<T>): Promise<T> => load();
