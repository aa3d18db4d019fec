/** Loudness curves of the instances' sounds. */

import type { SnapshotRef } from "../api/source";
import { currentSource, ofShown } from "./data";
import { perName, Requests } from "./loads";

const sounds = new Requests(
  ({ index, ...where }: SnapshotRef & { index: number }, abort) => currentSource().sound(where, index, abort),
  512,
);

/** Loudness curve of an instance's sound. */
export const soundOf = perName((index) => ofShown(() => ({ index: Number(index) }), sounds));
