/**
 * TensorBoard brings Roboto for its own page only; the frame takes the same files. Without it the system's sans serif
 * stands in.
 */
export function copyFonts(host: Window): void {
  if (host === window) return;
  const rules: string[] = [];
  for (const sheet of Array.from(host.document.styleSheets)) {
    for (const rule of rulesOf(sheet)) {
      // Not `instanceof`: the rule is of the other window. Its text is made anew at every reading, so the kind is asked
      // first.
      if (rule.constructor.name !== "CSSFontFaceRule" || !/roboto/i.test(rule.cssText)) continue;
      // Addresses in the rules are relative to the sheet, which may lie in the page itself.
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
}

function rulesOf(sheet: CSSStyleSheet): CSSRule[] {
  try {
    return Array.from(sheet.cssRules);
  } catch {
    // A sheet of another origin does not show its rules.
    return [];
  }
}
