/** Where in the input neurons respond. Nothing is asked of layers for which that was not recorded. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { SnapshotRef } from "../api/source";
import type { CellScale, NeuronPositions } from "../api/types";
import { type ValuedMap, withValues } from "../layout/instanceMaps";
import { currentSource, layers, ofShown } from "./data";
import { Requests, type Resource } from "./loads";
import { selection } from "./view";

export interface NeuronRef {
  layer: string;
  neuron: number;
}

/** The neuron that texts and pictures of instances are painted by: the selected one. */
export const paintingNeuron: ReadonlySignal<NeuronRef | null> = computed(() => {
  const selected = selection.value;
  return selected?.kind === "neuron" && hasPositions(selected.layer) ? selected : null;
});

/** Whether it was recorded where the neurons of a layer respond. */
export const hasPositions = (layer: string): boolean => (layers.value.get(layer)?.positions.length ?? 0) > 0;

export type Positions = Omit<NeuronPositions, "strongest" | "values"> & { strongest: ValuedMap[] };

const positions = new Requests(
  async ({ layer, neuron, ...where }: SnapshotRef & NeuronRef, abort): Promise<Positions> => {
    const { values, ...answer } = await currentSource().positions(where, layer, neuron, abort);
    return { ...answer, strongest: withValues(answer.strongest, values) };
  },
  64,
);

/** Where a neuron responds; its strongest instances. */
export function positionsOf(subject: () => NeuronRef | null): Resource<SnapshotRef & NeuronRef, Positions> {
  return ofShown(() => {
    const wanted = subject();
    return wanted && hasPositions(wanted.layer) ? { layer: wanted.layer, neuron: wanted.neuron } : null;
  }, positions);
}

export interface MapsQuery extends NeuronRef {
  indices: number[];
  /** The most tokens of a sequence, around the peak; 0: all of them. */
  room?: number;
}

export interface Maps {
  sizes: number[];
  scale: CellScale;
  /** By index of the instance. */
  maps: ReadonlyMap<number, ValuedMap>;
}

const instanceMaps = new Requests(
  async ({ run, step, layer, neuron, ...query }: SnapshotRef & MapsQuery, abort): Promise<Maps> => {
    const answer = await currentSource().instanceMaps({ run, step }, layer, neuron, query, abort);
    const maps = withValues(answer.maps, answer.values);
    return { sizes: answer.sizes, scale: answer.scale, maps: new Map(maps.map((map) => [map.index, map])) };
  },
  256,
);

/** Where a neuron responds to some instances. */
export function instanceMapsOf(query: () => MapsQuery | null): Resource<SnapshotRef & MapsQuery, Maps> {
  return ofShown(() => {
    const wanted = query();
    return wanted?.indices.length && hasPositions(wanted.layer) ? wanted : null;
  }, instanceMaps);
}
