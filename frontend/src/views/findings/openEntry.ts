/** Opens a finding, and brings the panel of its layer into view. */

import { openFinding } from "../../state/findingActions";
import type { Entry } from "../../state/foundFindings";

export function openEntry(entry: Entry): void {
  openFinding(entry);
  const { layer } = entry.finding;
  if (layer === null) return;
  // Once the panel is there.
  requestAnimationFrame(() =>
    document.querySelector(`[aria-label="${CSS.escape(`Layer ${layer}`)}"]`)?.scrollIntoView({ block: "nearest" }),
  );
}
