/** A small chart of a week of readings, with its extremes named. */

import { svg } from "../dom";
import { minute, number } from "../format";

const WIDTH = 300;
const HEIGHT = 64;
const EDGE = 4;

/** `series`: (moment, value), oldest first, two or more. `limit`: a value drawn as alarm line. */
export function sparkline(
  series: [time: string, value: number][],
  how: { unit: string; limit: number | null; timezone: string },
): HTMLElement {
  const times = series.map(([time]) => Date.parse(time));
  const values = series.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const start = times[0] ?? 0;
  const x = (time: number): number =>
    EDGE + ((time - start) / ((times.at(-1) ?? 1) - start || 1)) * (WIDTH - 2 * EDGE);
  const y = (value: number): number =>
    HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
  const points = times.map((time, i) => `${x(time).toFixed(1)},${y(values[i] ?? low).toFixed(1)}`);
  const last = points.at(-1)?.split(",") ?? ["0", "0"];
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "sparkline", role: "img", "aria-label": `${number(low, 2)}–${number(high, 2)}${how.unit}` },
    svg("polygon", { points: `${EDGE},${HEIGHT} ${points.join(" ")} ${WIDTH - EDGE},${HEIGHT}`, class: "area" }),
    svg("polyline", { points: points.join(" "), class: "curve" }),
    ...(how.limit !== null && how.limit >= low && how.limit <= high
      ? [svg("line", { x1: EDGE, x2: WIDTH - EDGE, y1: y(how.limit), y2: y(how.limit), class: "limit" })]
      : []),
    svg("circle", { cx: last[0] ?? 0, cy: last[1] ?? 0, r: 3, class: "now" }),
  );
  const caption = document.createElement("p");
  caption.className = "fine spread";
  const range = document.createElement("span");
  range.textContent = `${number(low, 2)} – ${number(high, 2)}${how.unit}`;
  const from = document.createElement("span");
  from.textContent = `${minute(series[0]?.[0] ?? "", how.timezone)} →`;
  caption.append(from, range);
  const box = document.createElement("div");
  box.append(picture, caption);
  return box;
}
