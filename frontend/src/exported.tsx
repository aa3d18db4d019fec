/** The entry point of an export: the tab on recorded answers, in a page of its own. */

import { type Manifest, openPacks } from "./api/packs";
import { recordedSource } from "./api/recorded";
import type { Answer, Question } from "./layout/graph.worker";
import { layBranches } from "./layout/graphLayered";
import { start } from "./start";

/** Stands in for the worker, which a page that was opened from a disk may not start: lays out branches in between. */
class HereAndNow {
  onmessage: ((event: { data: Answer }) => void) | null = null;
  onerror: unknown = null;

  postMessage({ number, sizes, edges }: Question): void {
    setTimeout(() => {
      try {
        this.onmessage?.({ data: { number, branching: layBranches(sizes, edges) } });
      } catch (error) {
        this.onmessage?.({ data: { number, problem: String(error) } });
      }
    });
  }
}

// To the tab, what is around it is TensorBoard. Around an export there is nothing that it may ask: in a frame it is a guest.
Object.assign(window, { parent: window, Worker: HereAndNow });
const made = (window as unknown as { activisExport?: Manifest }).activisExport;
if (made) {
  const source = recordedSource(made, openPacks(made));
  // For other scripts of the page that the export is part of, and for tests.
  Object.assign(window, { activisSource: source });
  start(source, document.body);
  document.title = `ActiVis: ${made.name}`;
} else {
  document.body.textContent = "This export is not complete: the file manifest.js beside this page is missing.";
}
