/** The legend of a comparison: how far layers moved, and what differs between the graphs of two runs. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { count, integer, sizes } from "../../draw/format";
import type { LoneNode } from "../../layout/graphChanges";
import { comparedSnapshot, currentSnapshot } from "../../state/currentSnapshot";
import { changes, movement, otherGraph, showComparison, shownScale } from "../../state/movement";
import { Unread } from "../controls/Loading";
import { Term } from "../controls/Term";
import "../../lib/laterStyles";
import { reveal, selectedNode, tree } from "./graphState";

/** Bars, figures and marks are in the graph while this is shown. */
export function Comparison(): JSX.Element {
  useEffect(showComparison, []);
  const shown = shownScale.value;
  const busy = movement.value.status === "pending" || otherGraph.value.status === "pending";
  return (
    <section class="graph-legend caption" aria-label="Comparison" aria-busy={busy}>
      {busy && <div class="progress" role="progressbar" aria-label="The comparison is loading" />}
      <Changes />
      <Unread load={movement.value} what="How far the layers moved" />
      <Unread load={otherGraph.value} what="The graph of the other run" />
      {shown && (
        <div class="graph-scale">
          <span>
            <Term name="CKA">Moved: 1 − CKA</Term>, n {integer(shown.n)}
            {shown.n < shown.shared && ` of ${integer(shown.shared)}`}
          </span>
          <span class="spring" />
          <span>0</span>
          <span class="graph-bar" />
          <span>{shown.end}</span>
        </div>
      )}
    </section>
  );
}

/** What differs, in one line that opens to the list of nodes. */
function Changes(): JSX.Element | null {
  const [open, setOpen] = useState(false);
  const found = changes.value;
  const there = comparedSnapshot.value?.run ?? "";
  if (!found) return null;
  const { byKey, changed, onlyHere, onlyThere } = found;
  const parts = [
    changed.length > 0 && `${integer(changed.length)} changed`,
    onlyHere.length > 0 && `${integer(onlyHere.length)} only here`,
    onlyThere.length > 0 && `${integer(onlyThere.length)} only there`,
  ].filter(Boolean);
  if (parts.length === 0) return <div class="graph-same">The same graph in both runs</div>;
  return (
    <>
      <button type="button" class="graph-differs" aria-expanded={open} onClick={() => setOpen(!open)}>
        <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
          <path d="M1 5l4-4l4 4l-4 4z" fill="currentColor" />
        </svg>
        <span>{parts.join(", ")}</span>
      </button>
      {open && (
        <div class="graph-changes">
          <List title={`Changed, ${currentSnapshot.value?.run ?? ""} → ${there}`}>
            {changed.map((key) => (
              <Here key={key} name={key} says={byKey.get(key)?.label ?? ""} />
            ))}
          </List>
          <List title={`Only in ${currentSnapshot.value?.run ?? ""}`}>
            {onlyHere.map((lone) => (
              <Here key={lone.node.key} name={lone.node.key} says={described(lone)} />
            ))}
          </List>
          <List title={`Only in ${there}`}>
            {onlyThere.map((lone) => (
              <li key={lone.node.key}>
                <b>{lone.node.key}</b> {described(lone)}
              </li>
            ))}
          </List>
        </div>
      )}
    </>
  );
}

function List({ title, children }: { title: string; children: JSX.Element[] }): JSX.Element | null {
  if (children.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>{children}</ul>
    </>
  );
}

/** A node of the graph that is drawn: a click shows it there. */
function Here({ name, says }: { name: string; says: string }): JSX.Element {
  const go = (): void => {
    const item = tree.peek()?.byKey.get(name);
    if (!item) return;
    selectedNode.value = name;
    reveal(item, true);
  };
  return (
    <li>
      <button type="button" onClick={go}>
        <b>{name}</b> {says}
      </button>
    </li>
  );
}

/** "Linear · 128 · 8,256 parameters · 3 nodes inside". */
function described({ node: { type, outputs, parameters }, inside }: LoneNode): string {
  return [
    type,
    outputs.map((output) => sizes(output.sizes)).join(", "),
    parameters > 0 && count(parameters, "parameter"),
    inside > 0 && `${count(inside, "node")} inside`,
  ]
    .filter(Boolean)
    .join(" · ");
}
