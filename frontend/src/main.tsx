import { httpSource } from "./api/http";
import { start } from "./start";

/**
 * TensorBoard calls this in the plugin's frame. The routes lie beside this very file, wherever a path prefix has put
 * it.
 */
export function render(): void {
  start(httpSource(import.meta.url.replace(/[^/]*$/, "")), document.body);
}
