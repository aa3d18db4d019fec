/** One row of the table. */

import type { JSX } from "preact";
import type { Cell, ColumnInfo, TableRow } from "../../api/types";
import { fixed, integer, short } from "../../draw/format";
import { timeText } from "../../draw/times";
import { clickInstance } from "../../state/actions";
import { columns, hasPictures, snapshot } from "../../state/data";
import { instanceName } from "../../state/derived";
import { hoveredInstance, setHover } from "../../state/hover";
import { selection } from "../../state/view";
import { InstanceText } from "../controls/InstanceText";
import { ClassName, Thumbnail } from "../controls/Swatch";
import { isNumber, LINE, rowAt, shownColumns, written } from "./tableState";

/** Letters of a text that a cell shows at least. */
const SEEN = 14;

/** A checkbox, the thumbnail, and a value per column. */
export function Row({
  line,
  marked,
  onMark,
}: {
  line: number;
  marked: Set<number>;
  onMark: (line: number, index: number, range: boolean) => void;
}): JSX.Element {
  const record = rowAt(line);
  if (!record)
    return <div class="table-row empty" role="row" aria-rowindex={line + 1} style={{ top: `${line * LINE}px` }} />;
  const { row: index } = record;
  const isSelected = selection.value?.kind === "instance" && selection.value.index === index;
  return (
    <div
      role="row"
      aria-rowindex={line + 1}
      aria-selected={marked.has(index)}
      style={{ top: `${line * LINE}px` }}
      class={`table-row${isSelected || hoveredInstance.value === index ? " lit" : ""}`}
      onPointerEnter={() => setHover({ instance: index })}
      onClick={(event) =>
        event.shiftKey || event.ctrlKey || event.metaKey ? onMark(line, index, event.shiftKey) : clickInstance(index)
      }
    >
      <span
        role="gridcell"
        onClick={(event) => {
          event.stopPropagation();
          onMark(line, index, event.shiftKey);
        }}
      >
        <input type="checkbox" tabIndex={-1} aria-label={`Mark ${instanceName(index)}`} checked={marked.has(index)} />
      </span>
      {hasPictures.value && (
        <span role="gridcell">
          <Thumbnail index={index} size={20} />
        </span>
      )}
      {shownColumns.value.map((column) => (
        <Value key={column.name} record={record} column={column} />
      ))}
    </div>
  );
}

function Value({ record, column }: { record: TableRow; column: ColumnInfo }): JSX.Element {
  const value: Cell = record[column.name] ?? null;
  const known = columns.value.value;
  if (column.name === "id")
    return (
      <span role="gridcell" class="cut table-id">
        {instanceName(record.row)}
      </span>
    );
  if (column.name === "prediction" && snapshot.value.value?.task === "classification" && known) {
    return (
      <span role="gridcell" class="cut">
        <ClassName index={known.prediction[record.row] as number} />
      </span>
    );
  }
  if (column.name === "score" || column.name === "label_score")
    return (
      <span role="gridcell" class="number">
        {fixed(value as number | null)}
      </span>
    );
  if (typeof value === "string" && column.type === "time")
    return (
      <span role="gridcell" class="cut time" title={value}>
        {timeText(value)}
      </span>
    );
  if (typeof value === "number")
    return (
      <span role="gridcell" class={isNumber(column) ? "number" : "cut"}>
        {(isNumber(column) ? (written.value.get(column.name) ?? short) : integer)(value)}
      </span>
    );
  return (
    <span
      role="gridcell"
      class="cut"
      title={typeof value === "string" && value.length > 12 ? value : undefined}
      dir="auto"
    >
      {value === null ? (
        "–"
      ) : value === true ? (
        "yes"
      ) : value === false ? (
        "no"
      ) : (
        <InstanceText
          text={String(value)}
          room={column.type === "text" ? SEEN : undefined}
          {...(column.name === "text" && { index: record.row })}
        />
      )}
    </span>
  );
}
