/** Saves text, canvases, SVG and panes as files. */

export function saveText(name: string, text: string, type = "text/csv"): void {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

/** Composes canvases of a view, in order, on `background`, and saves them as PNG. */
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
  layers.forEach((layer, i) =>
    context.drawImage(layer, ((boxes[i]?.left ?? left) - left) * ratio, ((boxes[i]?.top ?? top) - top) * ratio),
  );
  whole.toBlob((blob) => blob && saveBlob(name, blob));
}

/** The markup of a standalone SVG. */
function markup(svg: Element): string {
  const copy = svg.cloneNode(true) as Element;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copy);
}

export function saveSvg(name: string, svg: SVGSVGElement): void {
  saveBlob(name, new Blob([markup(svg)], { type: "image/svg+xml" }));
}

/**
 * Renders at twice the size, for sharp text. The SVG is passed as a data: address, which TensorBoard's policy allows.
 */
export async function saveRaster(name: string, svg: SVGSVGElement | string): Promise<void> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(typeof svg === "string" ? svg : markup(svg))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  // The largest canvas that browsers allow.
  const ratio = Math.min(2, 16_000 / Math.max(image.width, image.height));
  [canvas.width, canvas.height] = [Math.round(image.width * ratio), Math.round(image.height * ratio)];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => blob && saveBlob(name, blob));
}

/**
 * Saves a pane as PNG, at twice its size: a copy of its elements with their styles, in an SVG. All images are inlined,
 * or the browser would not allow reading the pixels.
 */
export async function savePane(name: string, pane: Element | null): Promise<void> {
  if (!pane) return;
  const { width, height } = pane.getBoundingClientRect();
  const copy = pane.cloneNode(true) as HTMLElement;
  const from = pane.querySelectorAll<HTMLElement>("*");
  copy.querySelectorAll<HTMLElement>("*").forEach((to, i) => {
    const own = from[i]!;
    if (own instanceof HTMLCanvasElement || own instanceof HTMLImageElement) to.replaceWith(frozen(own));
    else if (own.scrollTop || own.scrollLeft)
      for (const child of to.children)
        (child as HTMLElement).style.translate = `${-own.scrollLeft}px ${-own.scrollTop}px`;
  });
  copy.setAttribute("xmlns", "http://www.w3.org/1999/xhtml");
  const css = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join("\n");
  const words = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const root = document.documentElement;
  const variables = [root, ...document.querySelectorAll(".app, .panes")]
    .map((element) => element.getAttribute("style") ?? "")
    .join(";");
  const classes = document.querySelector(".app")?.className ?? "app";
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `data-theme="${root.dataset.theme ?? ""}" style="${words(variables)}">` +
    `<style>${words(css)}</style><foreignObject width="100%" height="100%">` +
    `<div xmlns="http://www.w3.org/1999/xhtml" class="${classes}">` +
    `${new XMLSerializer().serializeToString(copy)}</div></foreignObject></svg>`;
  await saveRaster(name, svg);
}

/** The current content of a canvas or an image, as an inlined image at the same position. */
function frozen(shown: HTMLCanvasElement | HTMLImageElement): HTMLImageElement {
  const canvas = document.createElement("canvas");
  const whole =
    shown instanceof HTMLCanvasElement ? shown : { width: shown.naturalWidth || 1, height: shown.naturalHeight || 1 };
  [canvas.width, canvas.height] = [whole.width, whole.height];
  if (whole.width > 0 && whole.height > 0) canvas.getContext("2d")?.drawImage(shown, 0, 0);
  const image = document.createElement("img");
  image.src = canvas.toDataURL();
  image.className = shown.className;
  const { position, width, height } = getComputedStyle(shown);
  image.style.cssText = `width: ${width}; height: ${height}; position: ${position}; left: 0; top: 0`;
  return image;
}

/** One line of a CSV file, quoted where needed. */
export function csvLine(cells: readonly (string | number | boolean | null | undefined)[]): string {
  return cells
    .map((cell) => {
      const text = cell === null || cell === undefined ? "" : String(cell);
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(",");
}

/** Rounds to the digits of a float32. */
export const digits = (value: number): number => Number(value.toPrecision(7));

export function saveBlob(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
