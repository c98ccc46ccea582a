/** Pictures the style asks for by name, drawn when asked: hatches and alert marks, in any colour. */

import type { Map as MapLibre } from "maplibre-gl";

const HATCH = /^hatch-(up|down|cross)-(#[0-9a-f]{6})$/i;
const MARK = /^mark-(#[0-9a-f]{6})$/i;
const RATIO = 2;

export const hatchName = (color: string, way: "up" | "down" | "cross" = "up"): string =>
  `hatch-${way}-${color}`;
export const markName = (color: string): string => `mark-${color}`;

/** Draw missing pictures for `map` from now on. */
export function drawPatterns(map: MapLibre): void {
  map.setMissingStyleImageResolver((id) => {
    if (map.hasImage(id)) return;
    const hatch = HATCH.exec(id);
    const mark = MARK.exec(id);
    let image: ImageData | null = null;
    if (hatch) image = hatched(hatch[2] ?? "#000000", hatch[1] ?? "up");
    else if (mark) image = triangle(mark[1] ?? "#000000");
    if (image) map.addImage(id, image, { pixelRatio: RATIO });
  });
}

function canvas(size: number): CanvasRenderingContext2D {
  const element = document.createElement("canvas");
  element.width = element.height = size;
  const context = element.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no 2D canvas");
  return context;
}

/** Diagonal lines that meet at the edges, so that the pattern has no seams. */
function hatched(color: string, way: string): ImageData {
  const size = 20;
  const pen = canvas(size);
  pen.strokeStyle = color;
  pen.lineWidth = 1.8;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    if (way !== "down") {
      pen.moveTo(shift - 2, size + 2);
      pen.lineTo(shift + size + 2, -2);
    }
    if (way !== "up") {
      pen.moveTo(shift - 2, -2);
      pen.lineTo(shift + size + 2, size + 2);
    }
  }
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

/** The mark of an alert as a canvas, for the 3D map. */
export function markPicture(color: string): HTMLCanvasElement {
  const image = triangle(color);
  const pen = canvas(image.width);
  pen.putImageData(image, 0, 0);
  return pen.canvas;
}

function triangle(color: string): ImageData {
  const size = 48;
  const pen = canvas(size);
  pen.beginPath();
  pen.moveTo(24, 6);
  pen.lineTo(43, 40);
  pen.lineTo(5, 40);
  pen.closePath();
  pen.lineJoin = "round";
  pen.lineWidth = 7;
  pen.strokeStyle = "#ffffff";
  pen.stroke();
  pen.fillStyle = color;
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = color;
  pen.stroke();
  pen.fillStyle = "#ffffff";
  pen.fillRect(22, 18, 4, 11);
  pen.fillRect(22, 32, 4, 4);
  return pen.getImageData(0, 0, size, size);
}
