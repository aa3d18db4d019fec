/** Links to the documentation that is installed with the plugin. */

import type { ComponentChildren } from "preact";
import { runs } from "../../state/currentSnapshot";
import { currentSource } from "../../state/data";

/** Words that open a page of it, in a tab of its own; just the words where it is not there. */
export function Docs({ page, children }: { page: string; children: ComponentChildren }): ComponentChildren {
  return runs.value?.docs ? (
    <a
      class="linked"
      href={currentSource().docs + page}
      target="_blank"
      rel="noopener"
      title="Opens the documentation in a new tab"
    >
      {children}
    </a>
  ) : (
    children
  );
}

/** The page of a term: its heading has the address that Sphinx gives it. */
export const termPage = (title: string): string =>
  `terms.html#${title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[-\d]+|-$/g, "")}`;
