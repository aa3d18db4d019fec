/** The switch between the graph and training health, where the run has that. */

import type { JSX } from "preact";
import { hasHealth, modelPane } from "../../state/panes";
import { modelFace } from "../../state/view";
import { Segmented } from "./Segmented";

export const ModelFaces = (): JSX.Element | null =>
  hasHealth.value ? (
    <Segmented
      label="View of the model"
      value={modelPane.value}
      options={[
        { value: "graph", label: "Graph" },
        { value: "health", label: "Health" },
      ]}
      onChoose={(face) => (modelFace.value = face)}
    />
  ) : null;
