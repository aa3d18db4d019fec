/** The bar about the picked instances, with a button that makes them a row. */

import type { JSX } from "preact";
import { integer } from "../../draw/format";
import { addPickedRow, isListable, pick } from "../../state/actions";
import { MOST_IDS } from "../../state/buildExpression";
import { picked } from "../../state/members";
import { IconButton } from "./Icon";

/** Why a set cannot become a row: it has no expression and is too long to be listed. */
export const TOO_MANY = `a row lists at most ${integer(MOST_IDS)}`;

/** Number of picked instances, and what can be done with them. */
export function PickedBar(): JSX.Element | null {
  const set = picked.value;
  if (!set) return null;
  const listable = isListable();
  return (
    <div class="picked-bar">
      <span>
        <b>{integer(set.indices.length)}</b> picked
      </span>
      {listable ? (
        <button type="button" class="button" onClick={() => addPickedRow()}>
          Add as row
        </button>
      ) : (
        <span class="caption cut">{TOO_MANY}</span>
      )}
      <IconButton icon="close" label="Clear the picked instances" size={14} onClick={() => pick(null)} />
    </div>
  );
}
