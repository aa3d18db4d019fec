/** The text of an instance, wherever one is shown; painted by the selected neuron where it is known where that responds. */

import type { JSX } from "preact";
import { PlainText, type Shown } from "./PlainText";
import { painting } from "./painting";

interface Properties extends Shown {
  /** Of the instance: the text is then painted by the selected neuron, and opens at its peak. */
  index?: number;
}

export function InstanceText({ index, ...shown }: Properties): JSX.Element {
  const code = index === undefined ? null : painting();
  const plain = <PlainText {...shown} />;
  if (!code || index === undefined) return plain;
  return (
    <code.PaintedText index={index} room={shown.room ?? Infinity}>
      {plain}
    </code.PaintedText>
  );
}
