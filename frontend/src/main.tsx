/** The entry point that TensorBoard loads. */

import { httpSource } from "./api/http";
import { start } from "./start";

/** TensorBoard calls this in the plugin's frame. The routes are relative to this file, whatever the path prefix. */
export function render(): void {
  start(httpSource(import.meta.url.replace(/[^/]*$/, "")), document.body);
}
