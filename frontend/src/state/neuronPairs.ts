/** Which neuron of the compared run is shown beside which of the shown one. */

import type { SnapshotRef } from "../api/source";
import type { Matrix, NeuronPairs } from "../api/types";
import { fixed } from "../draw/format";
import { comparedSnapshot } from "./currentSnapshot";
import { currentSource, isLayerCompared, shownSnapshot } from "./data";
import { outputLayers } from "./derived";
import { failureOf, perName, Requests, type Resource, resource } from "./loads";
import { pairing } from "./view";

interface PairsQuery {
  here: SnapshotRef;
  other: SnapshotRef;
  layer: string;
}

const requests = new Requests(
  ({ here, other, layer }: PairsQuery, abort) => currentSource().neuronPairs(here, other, layer, abort),
  32,
);

/** Whether the neurons of a layer may be others in the compared run: steps of one run share them, outputs are classes. */
export function mayDiffer(layer: string): boolean {
  const [here, there] = [shownSnapshot.value, comparedSnapshot.value];
  return here !== null && there !== null && here.run !== there.run && !outputLayers.value.has(layer);
}

export const neuronPairsOf: (layer: string) => Resource<PairsQuery, NeuronPairs> = perName((layer) =>
  resource((): PairsQuery | null => {
    const [here, other] = [shownSnapshot.value, comparedSnapshot.value];
    const isAsked = here && other && pairing.value === "auto" && mayDiffer(layer) && isLayerCompared(layer);
    return isAsked ? { here, other, layer } : null;
  }, requests),
);

/** What is known of the pairs: those of another step stay until those of this one are there. Undefined: nothing yet. */
export function pairsOf(layer: string): NeuronPairs | null | undefined {
  const { status, value, query } = neuronPairsOf(layer).value;
  const isShown = query?.here.run === shownSnapshot.value?.run && query?.other.run === comparedSnapshot.value?.run;
  return value && isShown ? value : status === "pending" ? undefined : null;
}

/** The neuron of the compared run that is shown beside one; null: it has none, or it is not known yet. */
export function partnerOf(layer: string, neuron: number): number | null {
  const pairs = pairsOf(layer);
  const partner = pairs ? (pairs.partners[neuron] ?? -1) : neuron;
  return pairs === undefined || partner < 0 ? null : partner;
}

/** "n12, r 0.93" where the pair was found by correlation. */
export function partnerWords(layer: string, neuron: number): string {
  const pairs = pairsOf(layer);
  if (pairs?.by !== "correlation") return "";
  const partner = partnerOf(layer, neuron);
  return partner === null ? "no neuron is left" : `n${partner}${r(pairs.correlations[neuron])}`;
}

/** What the neuron is in the compared run, in words. */
export function sameNeuronWords(layer: string, neuron: number): string {
  const pairs = pairsOf(layer);
  if (!mayDiffer(layer) || pairs === undefined) return "";
  const partner = partnerWords(layer, neuron);
  if (partner) return `in ${comparedSnapshot.value?.run}: ${partner}`;
  return pairs?.by === "index" && pairs.median !== null
    ? `the same neuron in both runs${r(pairs.correlations[neuron])}`
    : "in either run: the same number, but not the same neuron";
}

/** How they are paired, in words; empty where nothing is to be said. */
export function pairingWords(layer: string): string {
  const failure = failureOf(neuronPairsOf(layer).value);
  if (failure) return `in the order of their numbers: ${failure.message}`;
  if (!mayDiffer(layer)) return "";
  if (pairing.value === "index") return "in the order of their numbers";
  const pairs = pairsOf(layer);
  return pairs ? `${pairs.by === "correlation" ? "paired by correlation" : pairs.reason}${r(pairs.median)}` : "";
}

const r = (value: number | null | undefined): string => (value == null ? "" : `, r ${fixed(value)}`);

/** A matrix of the compared run with its neurons beside their partners; null as long as these are not known. */
export function inPairs(layer: string, matrix: Matrix | null): Matrix | null {
  const pairs = pairsOf(layer);
  if (!matrix || pairs === undefined) return null;
  if (!pairs) return matrix;
  const { partners } = pairs;
  const statistics = Object.entries(matrix.statistics).map(([name, values]): [string, Float32Array] => [
    name,
    Float32Array.from({ length: matrix.count * partners.length }, (_, at) => {
      const partner = partners[at % partners.length] ?? -1;
      return partner < 0 ? NaN : values[Math.floor(at / partners.length) * matrix.neurons + partner]!;
    }),
  ]);
  return { ...matrix, neurons: partners.length, statistics: Object.fromEntries(statistics) };
}
