/** Colours of codes, and mixing of colours. All are `#rrggbb`. */

import type { Code, Field, Layer } from "./contract";

export const PLAIN = "#7a828e";

/** The field a layer is coloured by, where its code list sets colours. */
export function colorField(layer: Layer): Field | null {
  const field = layer.fields.find((one) => one.name === layer.style.color_by);
  return field?.codes ? field : null;
}

/** Codes of a layer's legend that have a colour, in the code list's order. */
export function colorCodes(layer: Layer): [code: string, entry: Code & { color: string }][] {
  const codes = Object.entries(colorField(layer)?.codes ?? {});
  // JavaScript puts names that look like integers first: "1001" before "0101".
  if (codes.every(([code]) => /^\d+$/.test(code))) codes.sort(([a], [b]) => (a < b ? -1 : 1));
  return codes.filter((pair): pair is [string, Code & { color: string }] => pair[1].color !== null);
}

/** Whether a code means something to people (0701, WS); `residential` is only our own name. */
export const isPublicCode = (code: string): boolean => /[0-9A-Z]/.test(code);

export const layerColor = (layer: Layer): string =>
  layer.style.color ?? colorCodes(layer)[0]?.[1].color ?? PLAIN;

/** `share` of `b` (0 to 1) mixed into `a`. */
export function mix(a: string, b: string, share: number): string {
  const [x, y] = [channels(a), channels(b)];
  const mixed = x.map((value, i) => Math.round(value + ((y[i] ?? 0) - value) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
}
