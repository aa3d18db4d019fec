/** Saves what a view shows as a file of the user's. */

export function saveText(name: string, text: string, type = "text/csv"): void {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

/** Lays canvases of one view over each other, in order, on `background`, and saves them as PNG. */
export function savePng(name: string, layers: readonly HTMLCanvasElement[], background: string): void {
  const first = layers[0];
  if (!first) return;
  const whole = document.createElement("canvas");
  const boxes = layers.map((layer) => layer.getBoundingClientRect());
  const ratio = first.width / Math.max(1, boxes[0]?.width ?? 1);
  const left = Math.min(...boxes.map((box) => box.left));
  const top = Math.min(...boxes.map((box) => box.top));
  whole.width = Math.round((Math.max(...boxes.map((box) => box.right)) - left) * ratio);
  whole.height = Math.round((Math.max(...boxes.map((box) => box.bottom)) - top) * ratio);
  const context = whole.getContext("2d");
  if (!context) return;
  context.fillStyle = background;
  context.fillRect(0, 0, whole.width, whole.height);
  layers.forEach((layer, i) => context.drawImage(layer, ((boxes[i]?.left ?? left) - left) * ratio, ((boxes[i]?.top ?? top) - top) * ratio));
  whole.toBlob((blob) => blob && saveBlob(name, blob));
}

export function saveSvg(name: string, svg: SVGSVGElement): void {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  saveBlob(name, new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
}

/** One line of a CSV file; quotes what needs it. */
export function csvLine(cells: readonly (string | number | boolean | null | undefined)[]): string {
  return cells.map((cell) => {
    const text = cell === null || cell === undefined ? "" : String(cell);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",");
}

export function saveBlob(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
