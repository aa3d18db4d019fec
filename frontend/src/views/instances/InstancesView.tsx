import type { JSX } from "preact";
import { integer } from "../../draw/format";
import { chooseTab } from "../../state/actions";
import { columns, snapshot, whereOf } from "../../state/data";
import { picked } from "../../state/members";
import { at } from "../../state/place";
import { instancesTab } from "../../state/view";
import { IconButton } from "../controls/Icon";
import { Loading } from "../controls/Loading";
import { saveText } from "../controls/save";
import { Segmented } from "../controls/Segmented";
import { PickedBar } from "../projection/Legend";
import { Classes } from "./Classes";
import { Confusion } from "./Confusion";
import { csvOf } from "./csv";
import { Grid } from "./Grid";
import { List } from "./List";
import { Table, tableExpression } from "./Table";

/** C: the instances as classes, confusion matrix or table. Pane header and everything below it; fills its pane. */
export function InstancesView(): JSX.Element {
  const task = snapshot.value.value?.task ?? "classification";
  const first = { classification: "Classes", regression: "Bins", none: "Grid" }[task];
  const tabs = [
    { value: "classes" as const, label: first },
    ...(task === "classification" ? [{ value: "confusion" as const, label: "Confusion" }] : []),
    { value: "table" as const, label: "Table" },
  ];
  const tab = tabs.some(({ value }) => value === instancesTab.value) ? instancesTab.value : "classes";
  return (
    <>
      <header class="pane-header instances-header">
        <h2>Instances</h2>
        <span class="caption">{columns.value.value && integer(columns.value.value.count)}</span>
        <span class="spring" />
        <Segmented label="Instances as" value={tab} onChoose={chooseTab} options={tabs} />
        <Download />
      </header>
      <Loading load={columns.value} what="The instances">
        {() => snapshot.value.status === "failed" && !snapshot.value.value ? <p class="hint">Without the snapshot there is nothing to group them by.</p> : (
          <>
            {picked.value && (
              <div class="instances-picked">
                <PickedBar />
              </div>
            )}
            {tab === "table" ? <Table /> : tab === "confusion" ? <Confusion /> : task === "none" ? <Grid /> : <Classes />}
            {tab !== "table" && task !== "none" && <List />}
          </>
        )}
      </Loading>
    </>
  );
}

/** The picked instances as CSV, else those that the table is narrowed down to, else all. */
function Download(): JSX.Element {
  const [known, set, place] = [columns.value.value, picked.value, at.value];
  const expression = instancesTab.value === "table" ? tableExpression.value : null;
  const found = expression === null ? null : whereOf(expression).value.value;
  const rows = set?.rows ?? (expression === null ? null : (found?.rows ?? new Int32Array(0)));
  const what = set ? "picked" : expression !== null ? "filtered" : "all";
  const save = (): void => {
    if (known && place) saveText(`${place.run.replaceAll(/[^\w.-]+/g, "-")}-${place.step}-${what}.csv`, csvOf(known, snapshot.peek().value, rows));
  };
  return <IconButton icon="download" label={`Save ${what} instances as CSV (${integer(rows?.length ?? known?.count)})`} disabled={!known} onClick={save} />;
}
