/** Components whose code is loaded on first use. */

import type { ComponentType, JSX } from "preact";
import { codeOf } from "../../state/code";
import { Loading } from "./Loading";

type View = (properties: never) => JSX.Element | null;
type PropertiesOf<V extends View> = Parameters<V> extends [infer P extends object] ? P : object;

/**
 * The component `name` of a module that is loaded when it is first rendered. `what` names it in progress bars and error
 * messages.
 */
export function lazy<Name extends string, Module extends Record<Name, View>>(
  what: string,
  load: () => Promise<Module>,
  name: Name,
): (properties: PropertiesOf<Module[Name]>) => JSX.Element {
  const code = codeOf(load);
  return (properties) => {
    const Loaded = code.value.value?.[name] as ComponentType<typeof properties> | undefined;
    if (Loaded) return <Loaded {...properties} />;
    return (
      <Loading load={code.value} what={what}>
        {() => null}
      </Loading>
    );
  };
}
