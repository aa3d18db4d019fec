import { TOKENS, theme } from "../../draw/theme";
import { saveBlob, saveSvg } from "../controls/save";

/** Saves the drawing as it is, all of it, at its own size; PNG at twice that. */
export function saveGraph(svg: SVGSVGElement, name: string, type: "svg" | "png"): void {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ width, height, fill: TOKENS[theme.peek()].background })) ground.setAttribute(key, String(value));
  copy.prepend(ground);
  for (const element of copy.querySelectorAll(".graph-focus")) element.remove();
  if (type === "svg") return saveSvg(`${name}.svg`, copy);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    // Browsers refuse canvases beyond these sizes.
    const ratio = Math.min(2, 16_000 / Math.max(width, height));
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && saveBlob(`${name}.png`, blob));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
}
