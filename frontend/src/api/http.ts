/** The data source of the running plugin: sends requests to its HTTP routes and decodes the answers. */

import {
  type Answers,
  decode,
  decodeActivation,
  decodeColumns,
  decodeMatrix,
  decodeProjection,
  decodeStrips,
} from "./decode";
import type { SnapshotRef, Source } from "./source";
import { ApiError, type ErrorKind, type Findings, type TableQuery } from "./types";
import { peaksOf } from "./wav";

type Parameters = Record<string, unknown>;

type Method = "GET" | "POST";

/** Longer requests are sent as POST: proxies and servers truncate addresses at 8 KB. */
const LONGEST_ADDRESS = 2000;

/**
 * A source that calls the plugin's routes. `base` is relative, because TensorBoard may be served below a path prefix.
 */
export function httpSource(base: string): Source {
  const json = async <T>(route: string, parameters: Parameters, signal: AbortSignal): Promise<T> =>
    (await (await request(base, route, parameters, signal)).json()) as T;
  const numbers = async <T>(
    route: string,
    parameters: Parameters,
    signal: AbortSignal,
    read: (buffer: ArrayBuffer) => T,
  ): Promise<T> => read(await (await request(base, route, parameters, signal)).arrayBuffer());
  const arrays = <T>(route: string, parameters: Parameters, signal: AbortSignal, name: keyof Answers): Promise<T> =>
    numbers(route, parameters, signal, (buffer) => decode<T>(buffer, name));
  return {
    docs: `${base}docs/`,
    runs: (signal) => json("runs", {}, signal),
    graph: (run, signal) => json("graph", { run }, signal),
    snapshot: (at, signal) => json("snapshot", { ...at }, signal),
    strips: (at, signal) => numbers("strips", { ...at }, signal, decodeStrips),
    matrix: (at, layer, rows, sort, statistic, signal, part) =>
      numbers(
        "matrix",
        {
          ...at,
          layer,
          rows,
          sort,
          ...(part?.scale ? { quantized: statistic } : { statistics: [statistic] }),
          ...part,
        },
        signal,
        (buffer) => decodeMatrix(buffer, part?.scale !== undefined),
      ),
    projection: async (at, layer, by, signal, like, action) => {
      const parameters = { ...at, layer, ...by, like, action };
      const response = await request(base, "projection", parameters, signal, action && "POST");
      return decodeProjection(await response.arrayBuffer());
    },
    activation: (at, layer, neuron, signal) =>
      numbers("activation", { ...at, layer, neuron }, signal, decodeActivation),
    columns: (at, signal) => numbers("columns", { ...at }, signal, decodeColumns),
    where: (at, expression, signal) => arrays("where", { ...at, expression }, signal, "Where"),
    table: (at, query: TableQuery, signal) => json("table", { ...at, ...query }, signal),
    csv: async (at, selection, signal) =>
      (await request(base, "export", { ...at, ...selection, format: "csv" }, signal)).blob(),
    instance: (at, layer, index, signal, against) => json("instance", { ...at, layer, index, against }, signal),
    depth: (at, index, signal) => json("depth", { ...at, index }, signal),
    depthHistory: (at, signal) => arrays("depth_history", { ...at }, signal, "DepthHistory"),
    health: (run, columns, signal) => arrays("health", { run, columns }, signal, "TrainingHealth"),
    neuron: (at, layer, neuron, rows, signal) => json("neuron", { ...at, layer, neuron, rows }, signal),
    positions: (at, layer, neuron, signal) => arrays("positions", { ...at, layer, neuron }, signal, "NeuronPositions"),
    instanceMaps: (at, layer, neuron, query, signal) =>
      arrays("instance_maps", { ...at, layer, neuron, ...query }, signal, "InstanceMaps"),
    attention: (at, layer, head, index, signal) =>
      arrays("attention", { ...at, layer, head, index }, signal, "Attention"),
    history: (at, layer, rows, part, signal) => arrays("history", { ...at, layer, rows, ...part }, signal, "History"),
    effects: (at, layer, row, signal) => arrays("effects", { ...at, layer, row }, signal, "RowEffects"),
    concept: (at, layer, row, signal) => arrays("concept", { ...at, layer, row }, signal, "Concept"),
    subset: (at, layer, row, signal) => json("subset", { ...at, layer, row }, signal),
    overlap: (at, row, rows, signal) => json("overlap", { ...at, row, rows }, signal),
    separation: (at, question, signal) => json("separation", { ...at, ...question }, signal),
    movement: (at, other, signal) => json("movement", { ...at, other }, signal),
    neuronPairs: (at, other, layer, signal) => json("neuron_pairs", { ...at, other, layer }, signal),
    findings: async (at, signal, action) =>
      (await (await request(base, "findings", { ...at, action }, signal, action && "POST")).json()) as Findings,
    evidence: (at, about, signal) => json("evidence", { ...at, ...about }, signal),
    facets: (at, query, signal) => json("facets", { ...at, ...query }, signal),
    columnStatistics: (at, filter, signal) => json("column_statistics", { ...at, ...filter }, signal),
    contentUrl: (at: SnapshotRef, index) => `${base}content?${query({ ...at, index })}`,
    sound: async (at, index, signal) =>
      peaksOf(await (await request(base, "content", { ...at, index }, signal)).arrayBuffer()),
    text: async (at, index, signal) => (await request(base, "content", { ...at, index }, signal)).text(),
  };
}

function query(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    search.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return search.toString();
}

/**
 * Requests that change something on the server are POST; requests that only read are POST if the address would be too
 * long.
 */
async function request(
  base: string,
  route: string,
  parameters: Parameters,
  signal: AbortSignal,
  method?: Method,
): Promise<Response> {
  const search = query(parameters);
  const posted = (method ?? (search.length <= LONGEST_ADDRESS ? "GET" : "POST")) === "POST";
  let response: Response;
  try {
    response = posted
      ? await fetch(`${base}${route}`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(parameters),
          signal,
        })
      : await fetch(`${base}${route}${search && "?"}${search}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError("unreachable", "TensorBoard does not answer. Is it still running?");
  }
  if (!response.ok) throw await failure(route, response);
  return response;
}

async function failure(route: string, response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as {
      error: { kind: ErrorKind; message: string; position?: number | null };
    };
    return new ApiError(error.kind, error.message, error.position ?? null);
  } catch {
    // Status codes of a proxy whose TensorBoard does not run.
    return new ApiError(
      [502, 503, 504].includes(response.status) ? "unreachable" : "internal",
      `TensorBoard answered "${response.status} ${response.statusText}" to the request “${route}”.`,
    );
  }
}
