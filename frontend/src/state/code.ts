/** Loads parts of the tab's code when they are first needed. They are files beside index.js. */

import { ApiError } from "../api/types";
import { Requests, type Resource, resource } from "./loads";

const NOT_LOADED =
  "This part of the tab could not be loaded. Is TensorBoard still running? " +
  "If the plugin was updated since this page was opened, reload the page.";

/** Loads code for a single action. Rejects with an ApiError whose message can be shown. */
export async function loadCode<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch {
    throw new ApiError("not_loaded", NOT_LOADED);
  }
}

/** A resource that loads code when it is first read. Failed loads are shown and retried like those of data. */
export function codeOf<T>(load: () => Promise<T>): Resource<true, T> {
  return resource<true, T>(() => true, new Requests<true, T>(() => loadCode(load)));
}
