/** Components whose code is loaded on first use. */

import type { ComponentType, JSX } from "preact";
import { codeOf } from "../../state/code";
import { Loading } from "./Loading";

/** A component whose code is loaded when it is first rendered. `what` names it in progress bars and error messages. */
export function lazy<P extends object>(
  what: string,
  load: () => Promise<ComponentType<P>>,
): (properties: P) => JSX.Element {
  const code = codeOf(load);
  return (properties) => {
    const { value: View } = code.value;
    if (View) return <View {...properties} />;
    return (
      <Loading load={code.value} what={what}>
        {() => null}
      </Loading>
    );
  };
}
