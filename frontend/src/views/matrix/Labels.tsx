/** The row labels of a matrix. */

import { useComputed } from "@preact/signals";
import { Fragment, type JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { integer } from "../../draw/format";
import { statisticText } from "../../draw/matrixText";
import { widthOf } from "../../draw/text";
import { type BlockName, visibleRows } from "../../layout/matrix";
import { clickInstance, clickRowName, select } from "../../state/actions";
import { hoveredRow, nameOf, neuronName, shortName } from "../../state/derived";
import { instanceOfKey, type RowKey } from "../../state/rowKeys";
import { CutText } from "../controls/CutText";
import { RowSwatch, Thumbnail } from "../controls/Swatch";
import { dragRow, drop } from "./dragRow";
import { LETTERS, Letters } from "./Letters";
import { cellOf, type MatrixModel, px, rowAt, type Stage, verdict } from "./matrixStage";
import { RowName } from "./RowName";
import { openRowMenu } from "./rowMenuState";

/** Between label and prediction, as `arrow` writes it. */
const ARROW = " → ";

/** Names of one block's rows; only the visible ones are rendered. */
export function Labels({ stage, block }: { stage: Stage; block: BlockName }): JSX.Element | null {
  const element = useRef<HTMLDivElement>(null);
  const { shape, model, scroll } = stage;
  const top = scroll.value[block];
  // The keyboard scrolls by the signal, the wheel by the element: synchronize.
  useEffect(() => {
    if (element.current && Math.abs(element.current.scrollTop - top) > 1) element.current.scrollTop = top;
  }, [top]);
  const [now, box] = [model.value, shape.value?.[block]];
  if (!now || !box || !shape.value || box.count === 0) return null;
  const whole = box.count * box.rowHeight;
  const { first, end } = visibleRows(box, top);
  const seen = Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  const scrolls = whole > box.height;
  return (
    <div
      ref={element}
      role="rowgroup"
      class="matrix-rows"
      tabIndex={scrolls ? 0 : undefined}
      aria-label={scrolls ? (block === "pinned" ? "Pinned instances" : "Subsets") : undefined}
      style={{ top: px(box.top), height: px(box.height), overflowY: scrolls ? "auto" : "hidden" }}
      onScroll={({ currentTarget }) => {
        if (scroll.peek()[block] !== currentTarget.scrollTop)
          scroll.value = { ...scroll.peek(), [block]: currentTarget.scrollTop };
      }}
    >
      <div role="presentation" style={{ height: px(whole) }}>
        {seen.map((row) => {
          const key = now.keys[rowAt(now, { block, row, place: -1 })];
          return key === undefined ? null : (
            <Label key={key} stage={stage} model={now} block={block} row={row} name={key} />
          );
        })}
      </div>
    </div>
  );
}

interface LabelProperties {
  stage: Stage;
  model: MatrixModel;
  block: BlockName;
  row: number;
  name: RowKey;
}

function Label({ stage, model, block, row, name: key }: LabelProperties): JSX.Element {
  const lit = useComputed(() => hoveredRow.value === key).value;
  const pointed = useComputed(() => {
    const spot = stage.pointed.value;
    return spot?.block === block && spot.row === row;
  }).value;
  const cursor = stage.cursor.value;
  const here = cursor?.block === block && cursor.row === row ? cursor.place : null;
  const at = rowAt(model, { block, row, place: -1 });
  const box = stage.shape.value![block];
  const target = drop.value;
  const mark = target?.before === key ? " before" : target?.after === key ? " after" : "";
  const letter = at === model.a ? "A" : at === model.b ? "B" : "";
  const instance = instanceOfKey(key) ?? -1;
  const said = instance >= 0 ? verdict(instance) : null;
  // What is typed is no row yet: it can be looked at, and becomes one by a letter or the button at the box.
  const typed = block === "typed";
  const open = pointed || here !== null;
  const side = said?.text ?? (instance < 0 ? integer(model.matrix.n[at]) : "");
  // Where the buttons leave no room, the number beside the name makes way: the tooltip has it, too.
  const room = stage.shape.value!.left - 36 - widthOf(shortName(key), 12, 500) - LETTERS;
  const roomy = !open || room > widthOf(side, 12) + 16;
  return (
    <div
      role="row"
      aria-rowindex={at + 1}
      data-row={key}
      class={`matrix-row${lit ? " lit" : ""}${mark}`}
      style={{ top: px(row * box.rowHeight), height: px(box.rowHeight), width: px(stage.shape.value!.left) }}
    >
      <div
        role="rowheader"
        id={`${stage.layer}-row-${at}`}
        class={`matrix-label${typed ? " typed" : ""}${here === -1 ? " focused" : ""}`}
        tabIndex={-1}
        aria-label={`${nameOf(key)}${letter && `, ${letter}`}${said ? `, ${said.text}` : `, n ${integer(model.matrix.n[at])}`}`}
        title={typed ? "What is typed: a click shows it in detail, “Add as row” keeps it." : undefined}
        onClick={(event) => (typed ? select({ kind: "subset", key }) : clickRowName(key, event.shiftKey))}
        onContextMenu={(event) => !typed && openRowMenu(event, key, `in ${stage.layer}`)}
        onPointerDown={(event) =>
          !typed && dragRow(event, key, event.currentTarget.closest<HTMLElement>(".matrix-rows")!, "y")
        }
      >
        <span
          class="matrix-sign"
          onClick={(event) => {
            if (instance < 0) return;
            event.stopPropagation();
            clickInstance(instance);
          }}
        >
          {instance >= 0 ? <Thumbnail index={instance} size={17} /> : <RowSwatch row={key} />}
        </span>
        <CutText class="matrix-name" full={nameOf(key) === shortName(key) ? undefined : nameOf(key)}>
          <RowName row={key} where={`in ${stage.layer}`} />
        </CutText>
        <Letters row={key} open={open} />
        <span class="spring" />
        {roomy && side && (
          <span class={`matrix-side${said?.wrong ? " accent" : ""}`}>
            {side.split(ARROW).map((part, i) => (
              <Fragment key={i}>
                {i > 0 && ARROW}
                <span class="cut">{part}</span>
              </Fragment>
            ))}
          </span>
        )}
      </div>
      {here !== null && here >= 0 && <FocusedCell stage={stage} model={model} at={at} place={here} name={key} />}
    </div>
  );
}

/** The focused cell, the only one in the accessibility tree. */
function FocusedCell({
  stage,
  model,
  at,
  place,
  name,
}: {
  stage: Stage;
  model: MatrixModel;
  at: number;
  place: number;
  name: RowKey;
}): JSX.Element {
  const { matrix, statistic } = model;
  const neuron = matrix.order[place] ?? 0;
  const own = cellOf(stage, model, at, neuron);
  return (
    <div role="gridcell" id={`${stage.layer}-cell`} aria-colindex={place + 2} class="hidden-text">
      {neuronName(stage.layer, neuron)}, {nameOf(name)}, {statistic.title}{" "}
      {own ? statisticText(statistic, own.value) : "…"}
    </div>
  );
}
