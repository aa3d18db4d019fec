let context: CanvasRenderingContext2D | null = null;

/** Width in pixels of a text in the page's typeface; `style` is weight and size, "500 12px". */
export function textWidth(text: string, style: string): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 7;
  context.font = `${style} Roboto, "Helvetica Neue", Arial, sans-serif`;
  return Math.ceil(context.measureText(text).width);
}
