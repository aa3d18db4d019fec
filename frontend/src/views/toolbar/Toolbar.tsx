import type { JSX } from "preact";
import { run, step } from "../../state/place";

export function Toolbar(): JSX.Element {
  return <header class="toolbar">Run {run.value?.name} step {step.value?.step}</header>;
}
