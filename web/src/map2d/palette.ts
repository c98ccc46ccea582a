/** Colours of the base map and of the page's own marks, for light and for dark surroundings. */

export interface Palette {
  background: string;
  water: string;
  green: string;
  farmland: string;
  built: string;
  industry: string;
  civic: string;
  road: string;
  roadCasing: string;
  major: string;
  majorCasing: string;
  text: string;
  textSoft: string;
  textWater: string;
  textGreen: string;
  halo: string;
  border: string;
  buildingLine: string;
  accent: string;
  sky: string;
  soil: string;
}

export const LIGHT: Palette = {
  background: "#f3f1ec",
  water: "#b7d8ea",
  green: "#d3e6c6",
  farmland: "#edf0dd",
  built: "#f0ede8",
  industry: "#eae6e3",
  civic: "#f1eaee",
  road: "#ffffff",
  roadCasing: "#d9d5cd",
  major: "#fbe3b0",
  majorCasing: "#e3bd76",
  text: "#2c313a",
  textSoft: "#5d6470",
  textWater: "#33709c",
  textGreen: "#3d7438",
  halo: "#ffffff",
  border: "#9aa0ab",
  buildingLine: "#b7ab9a",
  accent: "#1f6feb",
  sky: "#d6e4f0",
  soil: "#d3cbbd",
};

export const DARK: Palette = {
  background: "#1c2026",
  water: "#1d3a4f",
  green: "#233629",
  farmland: "#23271f",
  built: "#242930",
  industry: "#282b31",
  civic: "#2a2830",
  road: "#3b424d",
  roadCasing: "#15181d",
  major: "#6b5a35",
  majorCasing: "#2a251a",
  text: "#e4e7ec",
  textSoft: "#a9b1bd",
  textWater: "#86bbdf",
  textGreen: "#93c78d",
  halo: "#14171c",
  border: "#666f7d",
  buildingLine: "#15181d",
  accent: "#6aa6ff",
  sky: "#18202b",
  soil: "#6b655b",
};

const darkly = matchMedia("(prefers-color-scheme: dark)");

export const palette = (): Palette => (darkly.matches ? DARK : LIGHT);

export const isDark = (colors: Palette): boolean => colors === DARK;

export function onScheme(listener: () => void): void {
  darkly.addEventListener("change", listener);
}

/** Muted colour of a land use class (用地用海分类 2023) as a tint under the map; null = none. */
export function landTint(code: string, colors: Palette): string | null {
  const group = code.slice(0, 2);
  if (group === "17") return colors.water;
  if (group === "14" || group === "03" || group === "04") return colors.green;
  if (group === "01" || group === "02") return colors.farmland;
  if (group === "10" || group === "11" || group === "13") return colors.industry;
  if (group === "08") return colors.civic;
  if (group === "12") return code === "1207" ? colors.road : colors.industry;
  return group === "07" || group === "09" ? colors.built : null;
}

/** Buildings by height: the upper end of each class in metres, and its colour. */
export const HEIGHT_CLASSES: readonly { below: number; color: string }[] = [
  { below: 10, color: "#e9e3d6" },
  { below: 24, color: "#d9cfa8" },
  { below: 50, color: "#a9c7c0" },
  { below: 80, color: "#6f9fc4" },
  { below: 100, color: "#4d6fae" },
  { below: Infinity, color: "#5a3f92" },
];
