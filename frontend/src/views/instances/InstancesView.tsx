import type { JSX } from "preact";
import { chooseTab } from "../../state/actions";
import { columns } from "../../state/data";
import { instancesTab } from "../../state/view";
import { Segmented } from "../controls/Segmented";

/** C: the instances as classes, confusion matrix or table. Pane header and everything below it; fills its pane. */
export function InstancesView(): JSX.Element {
  return (
    <>
      <header class="pane-header">
        <h2>Instances</h2>
        <span class="caption">{columns.value.value?.count}</span>
        <span class="spring" />
        <Segmented label="Instances as" value={instancesTab.value} onChoose={chooseTab}
          options={[{ value: "classes", label: "Classes" }, { value: "confusion", label: "Confusion" }, { value: "table", label: "Table" }]} />
      </header>
      <div class="placeholder">instances</div>
    </>
  );
}
