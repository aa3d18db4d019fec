import { effect, signal } from "@preact/signals";
import type { CanvasHTMLAttributes, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { inTurn, outOfTurn } from "./turns";

export interface Surface {
  context: CanvasRenderingContext2D;
  /** In CSS pixels; the context is scaled, so draw in these. */
  width: number;
  height: number;
  /** Device pixels per CSS pixel: put edges on multiples of 1 / ratio. */
  ratio: number;
}

interface Properties extends Omit<CanvasHTMLAttributes<HTMLCanvasElement>, "ref"> {
  /**
   * Draws everything anew; drawn again when the size or any signal that it reads changes. Keep it stable with
   * useCallback. What it hands back is done in turn with other canvases.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most hand back nothing
  draw: (surface: Surface) => void | (() => void);
  /** The old picture stands until what `draw` hands back has covered it. */
  late?: boolean;
}

/** A canvas in device pixels that fills its parent's box (give it a size by CSS) and follows signals. */
export function Canvas({ draw, late, ...rest }: Properties): JSX.Element {
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
      if (!late) context.clearRect(0, 0, width, height);
      const work = draw({ context, width, height, ratio });
      if (!work) return;
      (blank ? outOfTurn : inTurn)(canvas, work);
      blank = false;
    });
  }, [draw]);
  return <canvas ref={element} {...rest} />;
}
