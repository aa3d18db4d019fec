/** Names of the classes. */

import type { Snapshot } from "../api/types";

/** Classes without names are named by their index, like their subsets: "0", "1", … */
export function withClassNames(read: Snapshot): Snapshot {
  if (read.task !== "classification" || read.class_names.length > 0) return read;
  const indices = read.subsets
    .filter(({ kind, name }) => kind === "class" && /^\d+$/.test(name))
    .map(({ name }) => Number(name));
  return { ...read, class_names: Array.from({ length: Math.max(-1, ...indices) + 1 }, (_, i) => String(i)) };
}
