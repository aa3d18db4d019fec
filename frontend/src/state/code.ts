import { ApiError } from "../api/types";
import { Requests, type Resource, resource } from "./loads";

/** Parts of the tab's code that are loaded when first needed. They are files beside index.js. */

const NOT_LOADED =
  "This part of the tab could not be loaded. Is TensorBoard still running? " +
  "If the plugin was updated since this page was opened, reload the page.";

/** Loads a part for something that is done once. Rejects with an ApiError that says in words what is wrong. */
export async function loadCode<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch {
    throw new ApiError("unreachable", NOT_LOADED);
  }
}

/** A part that is loaded when this is first read. A failed load is said and tried again as that of data is. */
export function codeOf<T>(load: () => Promise<T>): Resource<true, T> {
  return resource<true, T>(() => true, new Requests<true, T>(() => loadCode(load)));
}
