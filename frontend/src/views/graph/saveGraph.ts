/** Saves the graph as SVG or PNG. */

import { TOKENS, theme } from "../../draw/theme";
import { saveRaster, saveSvg } from "../controls/save";

/** The whole drawing at its own size; PNG at twice that where browsers allow it. */
export async function saveGraph(svg: SVGSVGElement, name: string, type: "svg" | "png"): Promise<void> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ width, height, fill: TOKENS[theme.peek()].background }))
    ground.setAttribute(key, String(value));
  copy.prepend(ground);
  for (const element of copy.querySelectorAll(".graph-focus")) element.remove();
  if (type === "svg") saveSvg(`${name}.svg`, copy);
  else await saveRaster(`${name}.png`, copy);
}
