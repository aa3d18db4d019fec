import type { JSX } from "preact";
import { integer } from "../../draw/format";
import { addPickedRow, isListable, pick } from "../../state/actions";
import { MOST_IDS } from "../../state/buildExpression";
import { picked } from "../../state/members";
import { IconButton } from "./Icon";

/** Why a set is no row: it is neither said by an expression nor short enough to be listed. */
export const TOO_MANY = `a row lists at most ${integer(MOST_IDS)}`;

/** The set that was just drawn, and what can be made of it. */
export function PickedBar(): JSX.Element | null {
  const set = picked.value;
  if (!set) return null;
  const listed = isListable();
  return (
    <div class="picked-bar">
      <span>
        <b>{integer(set.rows.length)}</b> picked
      </span>
      {listed ? (
        <button type="button" class="button" onClick={() => addPickedRow()}>
          Add as row
        </button>
      ) : (
        <span class="caption cut">{TOO_MANY}</span>
      )}
      <IconButton icon="close" label="Let the picked instances go" size={14} onClick={() => pick(null)} />
    </div>
  );
}
