/** The root component: toolbar, and the panes A (graph), B (layer panels), C (instances), D (detail). */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { closeFindings } from "../state/actions";
import { codeOf } from "../state/code";
import { run, runs, runsError } from "../state/currentSnapshot";
import { snapshot } from "../state/data";
import { openLayers } from "../state/derived";
import { firstVisit } from "../state/firstVisit";
import { explained, help } from "../state/help";
import * as panes from "../state/panes";
import { refreshRuns } from "../state/poll";
import { isPictured } from "../state/prefetch";
import { findingsPlace } from "../state/view";
import { IconButton } from "./controls/Icon";
import { Failure, Loading } from "./controls/Loading";
import { lazy } from "./controls/lazy";
import { Divider } from "./Divider";
import { GraphView } from "./graph/GraphView";
import { followKeys } from "./help/globalKeys";
import { InstancesView } from "./instances/InstancesView";
import { LayerPanel } from "./LayerPanel";
import { RowsBar } from "./matrix/RowsBar";
import { Headline } from "./toolbar/Headline";
import { Toolbar } from "./toolbar/Toolbar";

const DetailView = lazy("The detail", () => import("./detail/DetailView"), "DetailView");
const FindingsView = lazy("The findings", () => import("./findings/FindingsView"), "FindingsView");
/** What is said of findings: not before the first picture is there. */
const findingsLine = codeOf(() => import("./findings/FindingsLine"));
const Empty = lazy("The page", () => import("./Empty"), "Empty");
const Facets = lazy("The facets", () => import("./facets/Facets"), "Facets");
const Health = lazy("Training health", () => import("./health/Health"), "Health");
const HelpSheet = lazy("The help", () => import("./help/HelpSheet"), "HelpSheet");
const FirstVisit = lazy("The first steps", () => import("./help/FirstVisit"), "FirstVisit");
const Explanation = lazy("The explanation", () => import("./help/Explanation"), "Explanation");

/** The tab: toolbar and panes. */
export function App(): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      panes.viewport.value = { width: element.clientWidth, height: element.clientHeight };
    });
    observer.observe(element);
    const forget = followKeys(window);
    return () => {
      observer.disconnect();
      forget();
    };
  }, []);
  return (
    <div
      ref={root}
      class={`app${panes.wide.value ? " wide" : ""}${panes.tight.value ? " tight" : ""}${panes.narrow.value ? " narrow" : ""}`}
    >
      <Content />
    </div>
  );
}

function Content(): JSX.Element {
  if (!runs.value) {
    return runsError.value ? (
      <main class="failed-page">
        <h1 class="hidden-text">ActiVis</h1>
        <Failure
          what="The log directory could not be read."
          message={runsError.value.message}
          onRetry={() => void refreshRuns()}
        />
      </main>
    ) : (
      <div class="progress" role="progressbar" aria-label="Looking for runs" />
    );
  }
  if (!run.value) return <Empty />;
  return (
    <>
      <Toolbar />
      {panes.storedPanes.value.facets && <Facets />}
      <FirstLine />
      <Panes />
      {help.value && <HelpSheet />}
      {explained.value && <Explanation />}
      {firstVisit.value && <FirstVisit />}
    </>
  );
}

/** Always there, so that nothing moves when it is known what to say. */
function FirstLine(): JSX.Element {
  const Line = isPictured.value ? findingsLine.value.value?.FindingsLine : undefined;
  return Line ? (
    <Line>
      <Headline />
    </Line>
  ) : (
    <section class="first-line" aria-label="In short">
      <Headline />
    </section>
  );
}

function Panes(): JSX.Element {
  const sizes = {
    "--graph": `${panes.graphWidth.value}px`,
    "--instances": panes.instancesClosed.value || panes.tight.value ? "28px" : `${panes.instancesWidth.value}px`,
    "--instances-over": `${panes.instancesWidth.value}px`,
    "--panel": `${panes.panelHeight.value}px`,
    "--detail": `${panes.detailHeight.value}px`,
    "--projection": `${panes.projectionWidth.value}px`,
  };
  return (
    <main class="panes" style={sizes}>
      <h1 class="hidden-text">ActiVis: activations of {run.value?.name}</h1>
      <section class="pane graph" aria-label="Model graph">
        {panes.storedPanes.value.closed.graph ? (
          <EdgeTab pane="graph" label="Model" icon="chevronRight" />
        ) : panes.modelPane.value === "health" ? (
          <Health />
        ) : (
          <GraphView />
        )}
        <Divider
          label="Width of the graph"
          axis="x"
          size={panes.graphWidth.value}
          grows={1}
          onResize={(size) => panes.resizePane(panes.modelPane.value, size)}
          onToggle={() => panes.togglePane("graph")}
        />
      </section>
      <section class="pane panels" aria-label="Activations">
        <RowsBar />
        <Panels />
      </section>
      <section class="pane instances" aria-label="Instances">
        {(panes.instancesClosed.value || panes.tight.value) && (
          <EdgeTab
            pane="instances"
            label="Instances"
            icon={panes.instancesClosed.value ? "chevronLeft" : "chevronRight"}
          />
        )}
        {!panes.instancesClosed.value && (
          <div class={panes.tight.value ? "pane over" : "pane"}>
            <InstancesView />
            <Divider
              label="Width of the instances"
              axis="x"
              size={panes.instancesWidth.value}
              grows={-1}
              onResize={(size) => panes.resizePane("instances", size)}
              onToggle={() => panes.togglePane("instances")}
            />
          </div>
        )}
      </section>
      <section class={`pane detail${panes.narrowDetail.value ? " narrow" : ""}`} aria-label="Detail">
        <Divider
          label="Height of the detail"
          axis="y"
          size={panes.detailHeight.value}
          grows={-1}
          onResize={(size) => panes.resizePane("detail", size)}
          onToggle={() => (findingsPlace.value.open ? closeFindings() : panes.togglePane("detail"))}
        />
        {findingsPlace.value.open ? <FindingsView /> : <DetailView />}
      </section>
    </main>
  );
}

function EdgeTab({
  pane,
  label,
  icon,
}: {
  pane: panes.Pane;
  label: string;
  icon: "chevronLeft" | "chevronRight";
}): JSX.Element {
  return (
    <div class="edge-tab">
      <IconButton icon={icon} label={`Show or hide ${label}`} onClick={() => panes.togglePane(pane)} />
      <button type="button" class="edge-label" onClick={() => panes.togglePane(pane)}>
        {label}
      </button>
    </div>
  );
}

function Panels(): JSX.Element {
  return (
    <div class="panel-stack">
      <Loading load={snapshot.value} what="The snapshot">
        {() =>
          openLayers.value.length > 0 ? (
            openLayers.value.map((layer) => <LayerPanel key={layer} layer={layer} />)
          ) : (
            <p class="hint">Click a recorded layer in the graph to open its activations here.</p>
          )
        }
      </Loading>
    </div>
  );
}
