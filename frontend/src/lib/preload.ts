/**
 * Takes the place of the function that Vite calls around `import()` to fetch styles and modules beforehand. There are
 * none to fetch: styles are in index.js, and parts that are loaded later import little but that.
 */
export const __vitePreload = <T>(load: () => Promise<T>): Promise<T> => load();
