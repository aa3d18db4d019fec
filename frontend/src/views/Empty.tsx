import type { JSX } from "preact";

export function Empty(): JSX.Element {
  return <h1>No activations in this log directory yet</h1>;
}
