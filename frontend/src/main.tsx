import { httpSource } from "./api/http";
import { start } from "./start";

/** TensorBoard calls this in the plugin's frame, whose address is `data/plugin_entry.html`; routes lie beside it. */
export function render(): void {
  start(httpSource("plugin/activis/"), document.body);
}
