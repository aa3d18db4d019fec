/** Styles of the tab and of its parts. */

/**
 * Adds styles. Those that are loaded later go before those that are there: where rules weigh the same, the tab's own
 * win, as they would in one sheet.
 */
export function addStyles(styles: string): void {
  const sheet = document.createElement("style");
  sheet.textContent = styles;
  document.head.prepend(sheet);
}
