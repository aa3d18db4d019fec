/** Copies TensorBoard's Roboto font into the plugin's frame. */

import { measureAnew } from "./text";

/**
 * TensorBoard loads Roboto for its own page only; the frame uses the same font files. Without them the system's sans
 * serif is used.
 */
export function copyFonts(host: Window): void {
  if (host === window) return;
  const rules: string[] = [];
  for (const sheet of Array.from(host.document.styleSheets)) {
    for (const rule of rulesOf(sheet)) {
      // Not `instanceof`: the rule belongs to another window. Reading its text is slow, so check its type first.
      if (rule.constructor.name !== "CSSFontFaceRule" || !/roboto/i.test(rule.cssText)) continue;
      // Addresses in the rules are relative to the style sheet, or to the page for inline ones.
      const base = sheet.href ?? host.document.baseURI;
      rules.push(
        rule.cssText.replace(/url\("?([^")]+)"?\)/g, (_, address: string) => `url("${new URL(address, base).href}")`),
      );
    }
  }
  if (rules.length === 0) return;
  const sheet = document.createElement("style");
  sheet.textContent = rules.join("\n");
  document.head.append(sheet);
  document.fonts.addEventListener("loadingdone", measureAnew);
}

function rulesOf(sheet: CSSStyleSheet): CSSRule[] {
  try {
    return Array.from(sheet.cssRules);
  } catch {
    // The rules of a style sheet from another origin cannot be read.
    return [];
  }
}
