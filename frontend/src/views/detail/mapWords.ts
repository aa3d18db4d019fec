/** What is known of an instance's map, in words. */

import { placeText, type ValuedMap } from "../../layout/instanceMaps";
import { isPinnedInstance } from "../../state/derived";

/** "peak at row 5, column 3", with the token where it is one. */
export function peakText({ peak, start, tokens }: ValuedMap, sizes: readonly number[]): string {
  if (peak < 0) return "no peak: it has no finite value";
  const token = tokens?.[peak - start]?.trim();
  return token ? `peak at “${token}”, position ${peak}` : `peak at ${placeText(peak, sizes)}`;
}

/** Which of its values are recorded, and why. */
export function knownText({ known, index }: ValuedMap): string {
  switch (known) {
    case "whole":
      return isPinnedInstance(index) ? "Its whole map: it was logged as pinned." : "Its whole map.";
    case "window":
      return "Its values around the peak.";
    default:
      return "Its peak alone: maps are of pinned instances and of a neuron’s strongest.";
  }
}
