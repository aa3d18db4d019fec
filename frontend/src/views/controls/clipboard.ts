/** Copies text to the clipboard. */

/** Also works on pages that are not secure (a remote TensorBoard over http), where the clipboard API is missing. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position: fixed; opacity: 0";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
