/** The choice between PCA and t-SNE, with the progress of the t-SNE. */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { percent } from "../../draw/format";
import { chooseMethod } from "../../state/actions";
import { currentSnapshot } from "../../state/currentSnapshot";
import { failureOf } from "../../state/loads";
import { tsneOf, tsneProgress } from "../../state/projections";
import { panel } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Segmented } from "../controls/Segmented";
import { Term } from "../controls/Term";

/**
 * PCA or t-SNE. A click on t-SNE has it computed while the picture stays; once it is there, it is shown, unless the user
 * went back to PCA meanwhile. While it is computed the control tells how far it is, and beside it stands what cancels
 * it. What went wrong is told to `failure`.
 */
export function Method({ layer, failure }: { layer: string; failure: Signal<string | null> }): JSX.Element {
  const { method } = panel(layer);
  const wanted = useSignal(false);
  const [tsne] = useState(() => tsneOf(layer, () => wanted.value));
  const { status, error } = tsne.value;
  const failed = failureOf(tsne.value) !== null;
  const busy = wanted.value || (method.value === "tsne" && tsneProgress.value.has(layer));
  const share = tsneProgress.value.get(layer);
  useEffect(() => {
    if (status === "ready" && wanted.peek()) {
      chooseMethod(layer, "tsne");
      wanted.value = false;
    }
    if (!failed) return;
    failure.value = error?.message ?? "The t-SNE failed.";
    wanted.value = false;
  }, [status, failed]);
  // Steps that are only passed through are not computed.
  useEffect(() => {
    if (method.peek() === "pca") wanted.value = false;
  }, [currentSnapshot.value?.run, currentSnapshot.value?.step]);
  const choose = (next: "pca" | "tsne"): void => {
    failure.value = null;
    wanted.value = next === "tsne" && method.peek() !== "tsne";
    if (next === "pca") chooseMethod(layer, "pca");
  };
  const name = busy ? `t-SNE ${percent(share ?? 0, 0)}` : "t-SNE";
  const title = busy
    ? "Computing: it appears when it is ready"
    : method.value === "tsne"
      ? undefined
      : "Compute the t-SNE of this layer";
  return (
    <>
      <Segmented
        label="Projection method"
        value={wanted.value ? "tsne" : method.value}
        onChoose={choose}
        options={[
          { value: "pca", label: <Term name="PCA">PCA</Term> },
          { value: "tsne", label: <Term name="t-SNE">{name}</Term>, title },
        ]}
      />
      {busy && <IconButton icon="close" size={12} label="Cancel the t-SNE" onClick={() => choose("pca")} />}
    </>
  );
}
