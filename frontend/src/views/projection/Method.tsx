/** The choice of how a layer is projected, with the progress of the t-SNE. */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { percent } from "../../draw/format";
import { chooseMethod } from "../../state/actions";
import { currentSnapshot } from "../../state/currentSnapshot";
import { rows } from "../../state/data";
import { letters, nameOf } from "../../state/derived";
import { failureOf } from "../../state/loads";
import { tsneOf, tsneProgress } from "../../state/projections";
import { alongRow, type RowKey, rowKey } from "../../state/rowKeys";
import { type Method as MethodName, panel, selection } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Segmented } from "../controls/Segmented";
import { Term } from "../controls/Term";

/**
 * PCA, t-SNE, or along the direction of the selected row, else of A, else of the first one. A click on t-SNE has it
 * computed while the picture stays; once it is there, it is shown, unless the user chose another meanwhile. While it is
 * computed the control tells how far it is, and beside it stands what cancels it. What went wrong is told to `failure`.
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
    if (method.peek() !== "tsne") wanted.value = false;
  }, [currentSnapshot.value?.run, currentSnapshot.value?.step]);
  const choose = (next: MethodName): void => {
    failure.value = null;
    wanted.value = next === "tsne" && method.peek() !== "tsne";
    if (next !== "tsne") chooseMethod(layer, next);
  };
  const now = selection.value;
  const keys = [now?.kind === "subset" && now.key, letters.value.a, ...rows.value.map(rowKey)];
  const along = [method.value, ...keys.map((key): MethodName => `along:${key as RowKey}`)].find(alongRow);
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
          ...(along
            ? [{ value: along, label: "Direction", title: `Along the direction of ${nameOf(alongRow(along)!)}` }]
            : []),
        ]}
      />
      {busy && <IconButton icon="close" size={12} label="Cancel the t-SNE" onClick={() => choose("pca")} />}
    </>
  );
}
