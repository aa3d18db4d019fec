/** Where in an instance a neuron responds: its values by position, and where the largest one is. */

import type { InstanceMap } from "../api/types";

/** What is known of one instance, with its own values. */
export interface ValuedMap extends InstanceMap {
  /** Of `map_sizes`, row by row; NaN where a value is not known. */
  values: Float32Array;
}

/** What of this a picture is drawn of. */
export type PicturedMap = Pick<ValuedMap, "index" | "peak" | "map_sizes" | "values">;

/** Gives each instance its values, out of those of all of them. */
export function withValues(maps: readonly InstanceMap[], values: Float32Array): ValuedMap[] {
  let from = 0;
  return maps.map((map) => {
    const count = map.map_sizes.length > 0 ? map.map_sizes.reduce((product, size) => product * size, 1) : 0;
    const own = values.subarray(from, from + count);
    from += count;
    return { ...map, values: own };
  });
}

/** A position along each axis; null where there is none. */
export function placeOf(position: number, sizes: readonly number[]): number[] | null {
  if (position < 0) return null;
  if (sizes.length === 1) return [position];
  const place: number[] = [];
  let rest = position;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis] as number;
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return rest > 0 ? null : place;
}

/** "row 5, column 3", counted from 0 as arrays are; "position 7" of a sequence. */
export function placeText(position: number, sizes: readonly number[]): string {
  const place = placeOf(position, sizes);
  if (!place) return "nowhere";
  const names = [["position"], ["row", "column"], ["slice", "row", "column"]][place.length - 1] ?? [];
  return place.map((at, axis) => `${names[axis] ?? "axis"} ${at}`).join(", ");
}

/** The middle of a position of a map, as shares of its width and height; null where it is none of a map. */
export function middleOf(position: number, sizes: readonly number[]): { x: number; y: number } | null {
  const place = placeOf(position, sizes);
  if (!place || sizes.length < 2) return null;
  const [y = 0, x = 0] = place.slice(-2);
  const [height = 1, width = 1] = sizes.slice(-2);
  return { x: (x + 0.5) / width, y: (y + 0.5) / height };
}

/** A picture of a map: height, width and values. Of a volume it is the slice in which the peak is. */
export function pictureOf(
  map: PicturedMap,
  sizes: readonly number[],
): { height: number; width: number; values: Float32Array } | null {
  const { map_sizes: own, values } = map;
  if (own.length < 2) return null;
  const [height = 1, width = 1] = own.slice(-2);
  if (own.length === 2) return { height, width, values };
  const [slice = 0] = placeOf(map.peak, sizes) ?? [];
  const at = Math.min((own[0] as number) - 1, Math.floor((slice * (own[0] as number)) / (sizes[0] ?? 1)));
  return { height, width, values: values.subarray(at * height * width, (at + 1) * height * width) };
}

/** Words for what a layer's positions are: "a map of 8 × 8". */
export function positionsText(sizes: readonly number[]): string {
  if (sizes.length === 0) return "";
  if (sizes.length === 1) return "one value per position";
  return `${sizes.length === 2 ? "a map" : "a volume"} of ${sizes.join(" × ")}`;
}
