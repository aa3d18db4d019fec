/** The search bar of the graph. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { searchTree } from "../../layout/graphSearch";
import { IconButton } from "../controls/Icon";
import { focusedNode, reveal, scrollTarget, searchHits, tree } from "./graphState";

/** Replaces the header. Enter goes to the next hit, Escape closes. */
export function SearchBar({ onClose }: { onClose: () => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const show = (query: string, keys: string[], all: Set<string>, at: number): void => {
    searchHits.value = { query, keys, all, at };
    const key = keys[at];
    const item = key === undefined ? undefined : tree.peek()?.byKey.get(key);
    if (item) reveal(item);
  };
  const search = (query: string): void => {
    const currentTree = tree.peek();
    const keys = currentTree ? searchTree(currentTree, query).map(({ key }) => key) : [];
    show(query, keys, new Set(keys), 0);
  };
  const step = (by: number): void => {
    const now = searchHits.peek();
    if (now && now.keys.length > 0)
      show(now.query, now.keys, now.all, (now.at + by + now.keys.length) % now.keys.length);
  };
  const close = (back: boolean): void => {
    searchHits.value = null;
    onClose();
    const key = focusedNode.peek();
    if (back && key !== null) scrollTarget.value = { key, focus: true };
  };
  const now = searchHits.value;
  return (
    <div class="graph-search" role="search">
      <input
        ref={input}
        type="text"
        placeholder="Name, type or shape"
        aria-label="Search the graph by name, type or shape"
        spellcheck={false}
        onInput={(event) => search(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") close(true);
        }}
      />
      <span class="caption" role="status">
        {now && now.query.trim() !== "" ? (now.keys.length > 0 ? `${now.at + 1} of ${now.keys.length}` : "none") : ""}
      </span>
      <IconButton icon="close" label="Close the search" size={14} onClick={() => close(false)} />
    </div>
  );
}
