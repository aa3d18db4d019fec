/** Pane C: the instances by class, as confusion matrix or as table. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { integer } from "../../draw/format";
import { chooseTab } from "../../state/actions";
import { loadCode } from "../../state/code";
import { comparedSnapshot, currentSnapshot } from "../../state/currentSnapshot";
import { columns, currentSource, snapshot, whereOf } from "../../state/data";
import { hasNumericLabels, hasSeveralLabels, hasVocabulary, noun } from "../../state/derived";
import { clearHover } from "../../state/hover";
import { picked } from "../../state/members";
import { instancesTab } from "../../state/view";
import { Loading } from "../controls/Loading";
import { lazy } from "../controls/lazy";
import type { Option } from "../controls/Menu";
import { PickedBar } from "../controls/PickedBar";
import { SaveButton } from "../controls/SaveButton";
import { Segmented } from "../controls/Segmented";
import { Select } from "../controls/Select";
import { Classes } from "./Classes";
import { chosenGroupColumn, groupColumn, groupColumns } from "./grouping";
import { List } from "./List";
import { tableExpression } from "./tableState";

const Table = lazy("The table", () => import("./Table"), "Table");
const Confusion = lazy("The confusion matrix", () => import("./Confusion"), "Confusion");
const Groups = lazy("The groups", () => import("./Groups"), "Groups");
const Grid = lazy("The grid", () => import("./Grid"), "Grid");

/** Header, and the selected tab. */
export function InstancesView(): JSX.Element {
  const task = snapshot.value.value?.task ?? "classification";
  const comparing = comparedSnapshot.value !== null;
  const first = comparing
    ? "Groups"
    : task === "none"
      ? "Grid"
      : hasNumericLabels(task)
        ? "Bins"
        : hasVocabulary.value
          ? "Groups"
          : hasSeveralLabels(task)
            ? "Right, wrong"
            : "Classes";
  const tabs = [
    { value: "classes" as const, label: first },
    ...(task === "classification" ? [{ value: "confusion" as const, label: "Confusion" }] : []),
    { value: "table" as const, label: "Table" },
  ];
  const tab = tabs.some(({ value }) => value === instancesTab.value) ? instancesTab.value : "classes";
  // Closing by keyboard triggers no pointerleave.
  useEffect(() => clearHover, []);
  return (
    <>
      <header class="pane-header instances-header">
        <h2>{noun.value === "instance" ? "Instances" : `${noun.value[0]!.toUpperCase()}${noun.value.slice(1)}s`}</h2>
        <span class="caption">{columns.value.value && integer(columns.value.value.count)}</span>
        <span class="spring" />
        {groupColumns.value.length > 1 && tab === "classes" && !comparing && (
          <Select
            label="Group by"
            plain
            value={groupColumn.value}
            options={groupColumns.value.map((value) => ({ value, label: value }))}
            onChoose={(name) => {
              chosenGroupColumn.value = name;
            }}
            says={groupColumn.value}
          >
            by {groupColumn.value}
          </Select>
        )}
        <Segmented label="Instances as" value={tab} onChoose={chooseTab} options={tabs} />
        <Save />
      </header>
      <Loading load={columns.value} what="The instances">
        {() =>
          snapshot.value.status === "failed" && !snapshot.value.value ? (
            <p class="hint">Grouping needs the snapshot, which could not be read.</p>
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
              ) : comparing ? (
                <Groups />
              ) : task === "none" ? (
                <Grid />
              ) : (
                <Classes />
              )}
              {tab !== "table" && task !== "none" && !(comparing && tab === "classes") && <List />}
            </>
          )
        }
      </Loading>
    </>
  );
}

/** Saves as CSV the picked instances, else those that match the table's filters, else all; or the pane as a picture. */
function Save(): JSX.Element {
  const options = (): Option<() => Promise<void>>[] => {
    const [set, place] = [picked.value, currentSnapshot.value];
    const narrowed = instancesTab.value === "table" ? tableExpression.value : null;
    const exported = set?.expression
      ? { expression: set.expression }
      : set
        ? { indices: [...set.indices] }
        : narrowed !== null
          ? { expression: narrowed }
          : {};
    const what = set ? "picked" : narrowed !== null ? "filtered" : "all";
    const count =
      set?.indices.length ?? (narrowed === null ? columns.value.value?.count : whereOf(narrowed).value.value?.count);
    const name = `${place?.run.replaceAll(/[^\w.-]+/g, "-")}-${place?.step}`;
    const saveCsv = async (): Promise<void> => {
      if (!place) return;
      const { saveBlob } = await loadCode(() => import("../controls/save"));
      saveBlob(`${name}-${what}.csv`, await currentSource().csv(place, exported, new AbortController().signal));
    };
    const savePng = async (): Promise<void> => {
      const { savePane } = await loadCode(() => import("../controls/save"));
      await savePane(`${name}-instances.png`, document.querySelector(".pane.instances"));
    };
    return [
      { value: saveCsv, label: "CSV", detail: `${what}: ${integer(count)} instances`, disabled: !place },
      {
        value: savePng,
        label: "PNG",
        detail: "the pane as a picture",
      },
    ];
  };
  return <SaveButton label="Save the instances" failure="The instances could not be saved." options={options} />;
}
