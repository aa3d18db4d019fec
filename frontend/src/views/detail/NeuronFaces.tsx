/** In the title of a neuron: the scale of the values in the input, and the switch to its values over instances. */

import type { JSX } from "preact";
import { neuronFace } from "../../state/view";
import { MapLegend } from "../controls/MapLegend";
import { Segmented } from "../controls/Segmented";
import { head } from "./headFace";
import { face, neuronPositions } from "./neuronFace";

const HEAD_FACES = [
  { value: "where", label: "attention", title: "Where the head looks" },
  { value: "values", label: "values", title: "Its values: distribution per row, over the steps" },
] as const;

const FACES = [
  { value: "where", label: "where", title: "Where in the input it responds" },
  { value: "values", label: "values", title: "Its values: distribution per row, over the steps" },
] as const;

export function NeuronFaces(): JSX.Element {
  const positions = neuronPositions.value.value;
  return (
    <>
      {face.value === "where" && !head.value && positions && (
        <MapLegend scale={positions.scale} tokens={positions.sizes.length === 1} ring={positions.sizes.length > 1} />
      )}
      <Segmented
        label="What is shown of the neuron"
        value={face.value}
        options={head.value ? HEAD_FACES : FACES}
        onChoose={(next) => {
          neuronFace.value = next;
        }}
      />
    </>
  );
}
