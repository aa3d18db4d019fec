/** A canvas component that fills its parent, follows the device's pixels and redraws when signals change. */

import { effect, signal } from "@preact/signals";
import type { CanvasHTMLAttributes, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { drawNow, queueDraw } from "./drawQueue";
import { fonts } from "./text";

export interface Surface {
  context: CanvasRenderingContext2D;
  /** In CSS pixels, like all drawing: the context is scaled. */
  width: number;
  height: number;
  /** Device pixels per CSS pixel. For sharp edges, draw at multiples of 1 / ratio. */
  ratio: number;
}

interface Properties extends Omit<CanvasHTMLAttributes<HTMLCanvasElement>, "ref"> {
  /**
   * Draws everything; called again when the size or any signal that it reads changes. Keep it stable with useCallback.
   * If it returns a function, that is the drawing and goes into the draw queue.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most hand back nothing
  draw: (surface: Surface) => void | (() => void);
  /** Keep the old picture until the function returned by `draw` has covered it. */
  keepUntilDrawn?: boolean;
}

/** A canvas in device pixels that fills its parent (give it a size by CSS) and redraws when signals change. */
export function Canvas({ draw, keepUntilDrawn, ...rest }: Properties): JSX.Element {
  const element = useRef<HTMLCanvasElement>(null);
  const [size] = useState(() => signal({ width: 0, height: 0, ratio: 1 }));
  useEffect(() => {
    const canvas = element.current;
    if (!canvas) return undefined;
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = canvas;
      const ratio = window.devicePixelRatio || 1;
      const now = size.peek();
      if (now.width !== width || now.height !== height || now.ratio !== ratio) size.value = { width, height, ratio };
    };
    const observer = new ResizeObserver(measure);
    observer.observe(canvas);
    window.addEventListener("resize", measure);
    measure();
    return () => {
      observer.disconnect();
      window.removeEventListener("resize", measure);
    };
  }, []);
  useEffect(() => {
    let blank = true;
    return effect(() => {
      void fonts.value;
      const { width, height, ratio } = size.value;
      const canvas = element.current;
      const context = canvas?.getContext("2d");
      if (!canvas || !context || width === 0 || height === 0) return;
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== w || canvas.height !== h) {
        [canvas.width, canvas.height] = [w, h];
        blank = true;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (!keepUntilDrawn) context.clearRect(0, 0, width, height);
      const work = draw({ context, width, height, ratio });
      if (!work) return;
      (blank ? drawNow : queueDraw)(canvas, work);
      blank = false;
    });
  }, [draw]);
  return <canvas ref={element} {...rest} />;
}
