/** The scatter plot of a projection. */

import { useComputed, useSignal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { Canvas } from "../../draw/Canvas";
import { percent } from "../../draw/format";
import { WHOLE } from "../../layout/projection";
import { followSize } from "../../lib/sizes";
import { loadCode } from "../../state/code";
import { columns } from "../../state/data";
import { instanceName, labelName, shortName } from "../../state/derived";
import { hoveredInstance } from "../../state/hover";
import { keyOf } from "../../state/rows";
import { panel } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { InstanceLine } from "../controls/InstanceLine";
import type { Option } from "../controls/Menu";
import { SaveButton } from "../controls/SaveButton";
import { Tooltip } from "../controls/Tooltip";
import { paintLasso, paintMarks, pointsPainter } from "./drawPlot";
import { plotKeys } from "./plotKeys";
import { plotPointer } from "./plotPointer";
import type { PlotState } from "./plotState";

/**
 * Points, labels and rings, with pointer and keyboard handling. `of` names the snapshot where there are two plots, and
 * `tip` is then what the tooltip says of an instance.
 */
export function Plot({
  plot,
  of,
  tip: Tip = InstanceLine,
}: {
  plot: PlotState;
  of?: string;
  tip?: ComponentType<{ index: number }>;
}): JSX.Element {
  const { layer } = plot;
  const element = useRef<HTMLDivElement>(null);
  /** The lasso so far, in data coordinates. */
  const line = useSignal<number[]>([]);
  /** Whether the hover comes from this plot, which then shows the tooltip. */
  const own = useSignal(false);
  const points = useMemo(() => pointsPainter(plot), [plot]);
  const marks = useCallback((surface: Parameters<typeof paintMarks>[1]) => paintMarks(plot, surface), [plot]);
  const lasso = useCallback(
    (surface: Parameters<typeof paintLasso>[0]) =>
      void (plot.frame.value && paintLasso(surface, line.value, plot.frame.value)),
    [plot],
  );
  const pointer = useMemo(() => plotPointer(plot, element, line, own), [plot]);
  const zoomed = useComputed(() => panel(layer).zoom.value.scale > 1);

  useEffect(() => {
    const leave = followSize(
      element.current,
      ({ clientWidth: width, clientHeight: height }) => (plot.size.value = { width, height }),
    );
    const stop = plot.follow();
    const forget = pointer.listen();
    return () => {
      leave();
      stop();
      forget();
    };
  }, [plot]);

  return (
    <div
      ref={element}
      class="projection-plot"
      tabIndex={0}
      role="application"
      aria-roledescription="scatter plot"
      aria-label={
        `Projection of ${layer}${of ? ` in ${of}` : ""}. Arrow keys go from instance to instance, Enter pins, Shift and Enter picks, ` +
        "plus and minus zoom, 0 shows all."
      }
      onKeyDown={plotKeys(plot, own)}
      {...pointer.handlers}
    >
      <Canvas draw={points} keepUntilDrawn />
      <Canvas draw={marks} aria-hidden />
      <Canvas draw={lasso} aria-hidden />
      {!columns.value.value && columns.value.status === "failed" ? (
        <p class="projection-note">
          <span>The projection needs the instances, which could not be read.</span>
        </p>
      ) : plot.flat.value ? (
        <p class="projection-note">
          <span>All instances are in the same place: this layer does not tell them apart.</span>
        </p>
      ) : (
        <Axes plot={plot} />
      )}
      <div class={`projection-tools${zoomed.value ? " zoomed" : ""}`}>
        {zoomed.value && <IconButton icon="fit" label="Show all" onClick={() => (panel(layer).zoom.value = WHOLE)} />}
        <SaveButton
          label={`Save the projection of ${layer}${of ? ` in ${of}` : ""}`}
          failure="The projection could not be saved."
          options={() => saveOptions(plot, element.current)}
        />
      </div>
      {own.value && line.value.length === 0 && <Explained plot={plot} box={element} tip={Tip} />}
      <Said />
    </div>
  );
}

/** Options of the save menu. */
function saveOptions(plot: PlotState, box: Element | null): Option<() => Promise<void>>[] {
  const save = async (kind: "png" | "csv"): Promise<void> => {
    const { savePlot } = await loadCode(() => import("./savePlot"));
    savePlot(kind, plot, box);
  };
  return [
    { value: () => save("png"), label: "PNG", detail: "the plot as a picture" },
    { value: () => save("csv"), label: "CSV", detail: "a line per instance", disabled: !plot.answer.peek().value },
  ];
}

/** "PC1 27%" at the axes, or "direction of 8 · 12%"; without the name where they were turned to fit another layout. */
function Axes({ plot }: { plot: PlotState }): JSX.Element | null {
  const { value, query } = plot.answer.value;
  const row = query?.row && shortName(keyOf(query.row));
  const turned = query?.like !== undefined && !row;
  const names = row ? [`direction of ${row} · `, "across it "] : turned ? ["", ""] : ["PC1 ", "PC2 "];
  const said = (axis: number): string | undefined =>
    value?.explained[axis] === undefined ? undefined : names[axis] + percent(value.explained[axis], 0);
  return (
    <>
      <span class="projection-axis y">{said(1)}</span>
      <span class="projection-axis x">{[said(0), turned && "turned to fit"].filter(Boolean).join(", ")}</span>
    </>
  );
}

function Explained({
  plot,
  box,
  tip: Tip,
}: {
  plot: PlotState;
  box: { current: HTMLDivElement | null };
  tip: ComponentType<{ index: number }>;
}): JSX.Element | null {
  const instance = hoveredInstance.value;
  const [xy, frame] = [plot.xy.value, plot.frame.value];
  const at = box.current?.getBoundingClientRect();
  if (instance === undefined || !xy || !frame || !at || instance >= xy.length >> 1) return null;
  const left = at.left + frame.x0 + (xy[2 * instance] as number) * frame.scale;
  const top = at.top + frame.y0 - (xy[2 * instance + 1] as number) * frame.scale;
  return (
    <Tooltip anchor={{ left: left - 6, top: top - 6, width: 12, height: 12 }}>
      <Tip index={instance} />
    </Tooltip>
  );
}

/** Describes the hovered instance to screen readers. */
function Said(): JSX.Element {
  const instance = hoveredInstance.value;
  const known = columns.value.value;
  const text =
    instance === undefined || !known
      ? ""
      : `${instanceName(instance)}, label ${labelName(known.label[instance])}, predicted ${labelName(known.prediction[instance])}`;
  return (
    <span class="hidden-text" role="status">
      {text}
    </span>
  );
}
