import type { ComponentType, JSX } from "preact";
import { codeOf } from "../../state/code";
import { Loading } from "./Loading";

/**
 * A view whose code is loaded when it is first shown. `what` names it while it is awaited, and where it cannot be
 * loaded.
 */
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
