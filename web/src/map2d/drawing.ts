/** How each kind of layer is drawn in 2D. One function a kind; `opacity` is a share, 0 to 1. */

import type {
  DataDrivenPropertyValueSpecification,
  ExpressionSpecification,
  LayerSpecification,
} from "maplibre-gl";

import { colorCodes, colorField, layerColor, mix, PLAIN } from "../colors";
import type { Layer } from "../contract";
import { hatchName, markName } from "./patterns";
import { isDark, type Palette } from "./palette";

type Color = DataDrivenPropertyValueSpecification<string>;
type Drawing = (layer: Layer, colors: Palette, opacity: number) => LayerSpecification[];

// No glyph file is asked for: MapLibre draws them with the machine's own fonts. It reads the weight
// off the name, and the browser, knowing no such family, takes its sans-serif.
const FONT = ["One Map Regular"];
const BOLD = ["One Map Bold"];

/** Zoom from which a layer is drawn: the more features, the later. */
export function zoomFrom(layer: Layer): number {
  switch (layer.style.kind) {
    case "building":
      return 12.5;
    case "line":
      return layer.features > 5000 ? 14 : 11;
    case "point":
      if (layer.features > 10_000) return 15;
      return layer.features > 1000 ? 14.5 : layer.features > 200 ? 12 : 10;
    case "outline":
      return layer.features > 200 ? 13 : 5;
    case "hatch":
    case "fill":
      return 10;
    case "road":
    case "alert":
    case "red_line":
    case "label":
      return 8;
  }
}

/** The style's layers of one of ours, lowest first. Ids are `<layer>/<part>`. */
export function drawing(layer: Layer, colors: Palette, opacity: number): LayerSpecification[] {
  const from = zoomFrom(layer);
  return DRAWINGS[layer.style.kind](layer, colors, opacity).map((spec) => ({
    ...spec,
    minzoom: Math.max(from, spec.minzoom ?? 0),
  }));
}

const DRAWINGS: Record<Layer["style"]["kind"], Drawing> = {
  fill: (layer, _, o) => [
    { ...part(layer, "fill"), type: "fill", paint: { "fill-color": byCode(layer), "fill-opacity": 0.72 * o } },
    line(layer, "edge", "#5b5347", { width: grow(0.3, 1.2), opacity: 0.7 * o }),
  ],

  hatch: (layer, colors, o) => {
    const color = layerColor(layer);
    return [
      {
        ...part(layer, "fill"),
        type: "fill",
        paint: { "fill-pattern": hatchName(color), "fill-opacity": 0.75 * o },
      },
      line(layer, "edge", color, { width: grow(1, 2.4), opacity: o }),
      ...labels(layer, colors, o, { color, from: 15.5 }),
    ];
  },

  outline: (layer, colors, o) => {
    const few = layer.features <= 200;
    const color = layer.style.color ?? PLAIN;
    return [
      // Without colour, but it can be clicked.
      { ...part(layer, "fill"), type: "fill", paint: { "fill-color": color, "fill-opacity": 0 } },
      line(layer, "edge", color, {
        width: few ? grow(1.2, 2) : grow(0.6, 1.8),
        opacity: o,
        ...(few ? { dashes: [4, 2, 1, 2] } : {}),
      }),
      ...labels(layer, colors, o, { color: colors.textSoft, size: 15, spaced: true, to: 12 }),
    ];
  },

  building: (layer, colors, o) => [
    {
      ...part(layer, "fill"),
      type: "fill",
      paint: {
        "fill-color": byCode(layer, (color) => mix(color, colors.background, isDark(colors) ? 0.58 : 0.12)),
        "fill-opacity": 0.95 * o,
      },
    },
    line(layer, "edge", colors.buildingLine, { width: grow(0.2, 1.1), opacity: o, from: 14 }),
    {
      ...part(layer, "storeys"),
      type: "symbol",
      minzoom: 17,
      layout: {
        "text-field": ["case", ["has", "storeys"], ["to-string", ["get", "storeys"]], ""],
        "text-font": FONT,
        "text-size": 10.5,
        "text-padding": 6,
      },
      paint: { "text-color": colors.textSoft, "text-halo-color": colors.halo, "text-halo-width": 1, "text-opacity": o },
    },
  ],

  line: (layer, colors, o) => [
    line(layer, "casing", colors.halo, { width: grow(2.2, 6), opacity: 0.7 * o, from: 15 }),
    line(layer, "line", byCode(layer), { width: grow(1, 3.4), opacity: o }),
    ...(layer.fields.some((field) => field.name === "diameter_mm")
      ? labels(layer, colors, o, {
          text: ["case", ["has", "diameter_mm"], ["concat", "DN", ["to-string", ["get", "diameter_mm"]]], ""],
          color: colors.text,
          size: 10,
          along: true,
          from: 17,
        })
      : labels(layer, colors, o, { color: colors.text, along: true, from: 15 })),
  ],

  point: (layer, colors, o) => [
    {
      ...part(layer, "point"),
      type: "circle",
      paint: {
        "circle-color": byCode(layer),
        "circle-radius": grow(2.2, layer.features > 1000 ? 4.5 : 7),
        "circle-stroke-color": colors.halo,
        "circle-stroke-width": grow(0.5, 1.6),
        "circle-opacity": o,
        "circle-stroke-opacity": o,
      },
    },
    ...labels(layer, colors, o, {
      color: colors.text,
      size: 11,
      from: 15.5,
      offset: 1.1,
      ...(layer.latest ? { text: withLatest(layer) } : {}),
    }),
  ],

  road: (layer, colors, o) => {
    const major: ExpressionSpecification = ["!=", ["get", "road_class"], "branch"];
    const minor: ExpressionSpecification = ["==", ["get", "road_class"], "branch"];
    const dark = isDark(colors);
    const color = byCode(layer, (one) => (dark ? mix(one, colors.background, 0.62) : one), colors.road);
    const round = { "line-cap": "round", "line-join": "round" } as const;
    const strip = (
      name: string,
      filter: ExpressionSpecification,
      paint: Color,
      width: ExpressionSpecification,
      minzoom: number,
    ): LayerSpecification => ({
      ...part(layer, name),
      type: "line",
      filter,
      minzoom,
      layout: round,
      paint: { "line-color": paint, "line-width": width, "line-opacity": o },
    });
    return [
      strip("minor-casing", minor, colors.roadCasing, roadWidth(1.6), 13),
      strip("major-casing", major, dark ? colors.majorCasing : byCode(layer, (one) => mix(one, "#6b5a35", 0.3)), roadWidth(2), 10),
      strip("minor", minor, colors.road, roadWidth(0), 12),
      strip("major", major, color, roadWidth(0), 8),
      ...labels(layer, colors, o, { color: colors.textSoft, size: 11, along: true, from: 14.5, filter: minor, name: "minor-label" }),
      ...labels(layer, colors, o, { color: colors.text, size: 12, along: true, from: 12.5, filter: major, name: "major-label" }),
    ];
  },

  label: (layer, colors, o) => [
    {
      ...part(layer, "label"),
      type: "symbol",
      // What is shown is decided by rank: the zoom lets ranks in, collision keeps the higher one.
      filter: ["<=", rank, ["step", ["zoom"], 2, 10.5, 3, 12, 4, 13, 5, 13.7, 6, 15, 7, 16, 9]],
      layout: {
        "text-field": ["get", layer.style.label ?? "name"],
        "text-font": ["case", ["<=", rank, 3], ["literal", BOLD], ["literal", FONT]],
        "text-size": ["interpolate", ["linear"], ["zoom"], 10, ["match", rank, 1, 17, 2, 14, 3, 12.5, 11], 16, ["match", rank, 1, 22, 2, 18, 3, 15, 4, 14, 12.5]],
        "symbol-sort-key": rank,
        "text-max-width": 8,
        "text-padding": 6,
        "text-variable-anchor": ["center", "top", "bottom"],
        "text-radial-offset": 0.3,
        "text-letter-spacing": ["case", ["<=", rank, 2], 0.12, 0.02],
      },
      paint: {
        "text-color": ["match", ["get", "kind"], "water", colors.textWater, "park", colors.textGreen, ["admin", "residential"], colors.text, colors.textSoft],
        "text-halo-color": colors.halo,
        "text-halo-width": 1.4,
        "text-opacity": o,
      },
    },
  ],

  red_line: (layer, _, o) => {
    const field = layer.style.color_by ?? "kind";
    const hatches = colorCodes(layer).filter(([code]) => !BOUNDARIES.has(code));
    const first = hatches[0]?.[1].color ?? PLAIN;
    const pattern: unknown[] = ["match", ["get", field]];
    hatches.forEach(([code, { color }], i) => pattern.push(code, hatchName(color, i % 2 ? "down" : "up")));
    pattern.push(hatchName(first));
    return [
      {
        ...part(layer, "fill"),
        type: "fill",
        filter: ["!", ["in", ["get", field], ["literal", [...BOUNDARIES]]]],
        paint: { "fill-pattern": pattern as unknown as string, "fill-opacity": 0.4 * o },
      },
      line(layer, "edge", byCode(layer), { width: grow(1, 3), opacity: o }),
    ];
  },

  alert: (layer, colors, o) => [
    { ...part(layer, "fill"), type: "fill", paint: { "fill-color": byCode(layer), "fill-opacity": 0.38 * o } },
    line(layer, "edge", byCode(layer), { width: grow(1.4, 3), opacity: o }),
    {
      // One point an alert: a polygon cut by tiles would get a mark in each.
      id: `${layer.id}/mark`,
      source: marksOf(layer.id),
      type: "symbol",
      layout: {
        "icon-image": pictures(layer, markName),
        "icon-size": ["interpolate", ["linear"], ["zoom"], 10, 0.55, 15, 0.85],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["-", 0, ["coalesce", ["get", "score"], 0]],
        "text-field": ["step", ["zoom"], "", 16, ["get", "alert_id"]],
        "text-font": FONT,
        "text-size": 11,
        "text-offset": [0, 1.3],
        "text-anchor": "top",
        "text-optional": true,
      },
      paint: { "icon-opacity": o, "text-color": colors.text, "text-halo-color": colors.halo, "text-halo-width": 1.4, "text-opacity": o },
    },
  ],
};

/** Source of the points at which an alert layer's marks stand. */
export const marksOf = (layer: string): string => `${layer}@marks`;

/** Red lines that bound an area too large to hatch. */
export const BOUNDARIES = new Set(["town_boundary"]);

const rank: ExpressionSpecification = ["coalesce", ["get", "rank"], 9];

function part(layer: Layer, name: string): { id: string; source: string; "source-layer": string } {
  return { id: `${layer.id}/${name}`, source: layer.id, "source-layer": layer.id };
}

function line(
  layer: Layer,
  name: string,
  color: Color,
  how: { width: ExpressionSpecification; opacity: number; from?: number; dashes?: number[] },
): LayerSpecification {
  return {
    ...part(layer, name),
    type: "line",
    ...(how.from === undefined ? {} : { minzoom: how.from }),
    layout: { "line-join": "round", "line-cap": how.dashes ? "butt" : "round" },
    paint: {
      "line-color": color,
      "line-width": how.width,
      "line-opacity": how.opacity,
      ...(how.dashes ? { "line-dasharray": how.dashes } : {}),
    },
  };
}

interface LabelLook {
  color: Color;
  text?: ExpressionSpecification;
  size?: number;
  from?: number;
  to?: number;
  along?: boolean;
  offset?: number;
  spaced?: boolean;
  filter?: ExpressionSpecification;
  name?: string;
}

/** Names of a layer's features, where its style names a field for them. */
function labels(layer: Layer, colors: Palette, opacity: number, look: LabelLook): LayerSpecification[] {
  if (!look.text && !layer.style.label) return [];
  const size = look.size ?? 11;
  return [
    {
      ...part(layer, look.name ?? "label"),
      type: "symbol",
      ...(look.from === undefined ? {} : { minzoom: look.from }),
      ...(look.to === undefined ? {} : { maxzoom: look.to }),
      ...(look.filter ? { filter: look.filter } : {}),
      layout: {
        "text-field": look.text ?? ["get", layer.style.label ?? ""],
        "text-font": FONT,
        "text-size": ["interpolate", ["linear"], ["zoom"], 13, size, 18, size + 2.5],
        "text-max-width": 9,
        "text-padding": 4,
        ...(look.spaced ? { "text-letter-spacing": 0.25 } : {}),
        ...(look.along
          ? { "symbol-placement": "line", "symbol-spacing": 320, "text-max-angle": 35 }
          : { "text-anchor": look.offset ? "top" : "center", "text-offset": [0, (look.offset ?? 0) * 0.7] }),
      },
      paint: {
        "text-color": look.color,
        "text-halo-color": colors.halo,
        "text-halo-width": 1.5,
        "text-opacity": opacity,
      },
    },
  ];
}

/** Colour by code, as the national code list has it; `through` changes it for the surroundings. */
function byCode(layer: Layer, through: (color: string) => string = (c) => c, other?: string): Color {
  const field = colorField(layer);
  const codes = colorCodes(layer);
  const rest = other ?? layer.style.color ?? PLAIN;
  if (!field || codes.length === 0) return through(rest);
  const pairs = codes.flatMap(([code, { color }]) => [code, through(color)]);
  return ["match", ["get", field.name], ...pairs, through(rest)] as unknown as ExpressionSpecification;
}

function pictures(layer: Layer, name: (color: string) => string): ExpressionSpecification {
  const field = colorField(layer);
  const pairs = colorCodes(layer).flatMap(([code, { color }]) => [code, name(color)]);
  const rest = name(layerColor(layer));
  return ["match", ["get", field?.name ?? ""], ...pairs, rest] as unknown as ExpressionSpecification;
}

/** A width or radius that grows from `small` at zoom 12 to `large` at zoom 19. */
function grow(small: number, large: number): ExpressionSpecification {
  return ["interpolate", ["exponential", 1.4], ["zoom"], 12, small, 19, large];
}

const CLASS_WIDTH_M: ExpressionSpecification = [
  "match", ["get", "road_class"], "expressway", 44, "arterial", 36, "secondary", 24, 11,
];

/** Carriageways in true width when near, thin lines when far; `casing`: pixels added. */
function roadWidth(casing: number): ExpressionSpecification {
  const metres: ExpressionSpecification = ["coalesce", ["get", "width_m"], CLASS_WIDTH_M];
  // One pixel is 8 m at zoom 13 and 0.0625 m at zoom 20 (latitude 33°); a road's own width is
  // about two thirds of what its 红线 leaves for it.
  const at = (share: number): ExpressionSpecification => ["+", casing, ["*", metres, share]];
  return [
    "interpolate", ["exponential", 2], ["zoom"],
    9, ["+", casing * 0.4, ["*", CLASS_WIDTH_M, 0.022]],
    13, ["+", casing * 0.8, ["*", CLASS_WIDTH_M, 0.088]],
    16, at(0.67),
    20, at(10.7),
  ] as ExpressionSpecification;
}

function withLatest(layer: Layer): ExpressionSpecification {
  const name: ExpressionSpecification = ["coalesce", ["get", layer.style.label ?? ""], ""];
  const reading: ExpressionSpecification = [
    "concat", ["number-format", ["get", "latest_value"], { "max-fraction-digits": 2 }],
    " ", ["coalesce", ["get", "unit"], ""],
  ];
  return [
    "step", ["zoom"], ["case", ["has", "latest_value"], reading, ""],
    16.5, ["case", ["has", "latest_value"], ["concat", name, "\n", reading], name],
  ] as ExpressionSpecification;
}
