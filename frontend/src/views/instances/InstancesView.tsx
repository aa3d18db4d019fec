import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { integer } from "../../draw/format";
import { chooseTab } from "../../state/actions";
import { numeric, several } from "../../state/chosen";
import { columns, currentSource, snapshot, whereOf } from "../../state/data";
import { clearHover } from "../../state/hover";
import { asApiError } from "../../state/loads";
import { picked } from "../../state/members";
import { at } from "../../state/place";
import { instancesTab } from "../../state/view";
import { Failure, Loading } from "../controls/Loading";
import type { Option } from "../controls/Menu";
import { MenuButton } from "../controls/MenuButton";
import { PickedBar } from "../controls/PickedBar";
import { Segmented } from "../controls/Segmented";
import { saveBlob, savePane } from "../controls/save";
import { Classes } from "./Classes";
import { Confusion } from "./Confusion";
import { Grid } from "./Grid";
import { List } from "./List";
import { Table } from "./Table";
import { tableExpression } from "./tableState";

/** C: the instances as classes, confusion matrix or table. Pane header and everything below it; fills its pane. */
export function InstancesView(): JSX.Element {
  const task = snapshot.value.value?.task ?? "classification";
  const first = task === "none" ? "Grid" : numeric(task) ? "Bins" : several(task) ? "Right, wrong" : "Classes";
  const tabs = [
    { value: "classes" as const, label: first },
    ...(task === "classification" ? [{ value: "confusion" as const, label: "Confusion" }] : []),
    { value: "table" as const, label: "Table" },
  ];
  const tab = tabs.some(({ value }) => value === instancesTab.value) ? instancesTab.value : "classes";
  // Closed by the keyboard, it is not left by the pointer.
  useEffect(() => clearHover, []);
  return (
    <>
      <header class="pane-header instances-header">
        <h2>Instances</h2>
        <span class="caption">{columns.value.value && integer(columns.value.value.count)}</span>
        <span class="spring" />
        <Segmented label="Instances as" value={tab} onChoose={chooseTab} options={tabs} />
        <Save />
      </header>
      <Loading load={columns.value} what="The instances">
        {() =>
          snapshot.value.status === "failed" && !snapshot.value.value ? (
            <p class="hint">Without the snapshot there is nothing to group them by.</p>
          ) : (
            <>
              {picked.value && (
                <div class="instances-picked">
                  <PickedBar />
                </div>
              )}
              {tab === "table" ? (
                <Table />
              ) : tab === "confusion" ? (
                <Confusion />
              ) : task === "none" ? (
                <Grid />
              ) : (
                <Classes />
              )}
              {tab !== "table" && task !== "none" && <List />}
            </>
          )
        }
      </Loading>
    </>
  );
}

/** The picked instances as CSV, else those that the table is narrowed down to, else all; and the pane as a picture. */
function Save(): JSX.Element {
  const error = useSignal("");
  const options = (): Option<() => void>[] => {
    const [set, place] = [picked.value, at.value];
    const narrowed = instancesTab.value === "table" ? tableExpression.value : null;
    const chosen = set?.expression
      ? { expression: set.expression }
      : set
        ? { rows: [...set.rows] }
        : narrowed !== null
          ? { expression: narrowed }
          : {};
    const what = set ? "picked" : narrowed !== null ? "filtered" : "all";
    const count =
      set?.rows.length ?? (narrowed === null ? columns.value.value?.count : whereOf(narrowed).value.value?.count);
    const name = `${place?.run.replaceAll(/[^\w.-]+/g, "-")}-${place?.step}`;
    const save = async (): Promise<void> => {
      if (!place) return;
      error.value = "";
      try {
        saveBlob(`${name}-${what}.csv`, await currentSource().csv(place, chosen, new AbortController().signal));
      } catch (reason) {
        error.value = asApiError(reason).message;
      }
    };
    return [
      { value: () => void save(), label: "CSV", detail: `${what}: ${integer(count)} instances`, disabled: !place },
      {
        value: () => void savePane(`${name}-instances.png`, document.querySelector(".pane.instances")),
        label: "PNG",
        detail: "the pane as a picture",
      },
    ];
  };
  return (
    <>
      <MenuButton label="Save the instances" icon="download" options={options} />
      {error.value && (
        <div class="instances-error">
          <Failure what="The instances could not be saved." message={error.value} onRetry={() => (error.value = "")} />
        </div>
      )}
    </>
  );
}
