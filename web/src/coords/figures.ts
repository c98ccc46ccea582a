/** Coordinates as they are shown and written to files. */

import { lang } from "../i18n";
import type { Answer, Frame, Pair } from "./contract";
import { t } from "./texts";

const DEGREE_DIGITS = 9;
const METRE_DIGITS = 4;
const BOM = "\ufeff";  // without it Excel takes UTF-8 for the machine's own code page

export type Digits = "decimal" | "dms";

export const isDegrees = (frame: Frame): boolean => frame.unit === "degree";

/** What the two numbers of a frame are called. */
export const axes = (frame: Frame): [string, string] =>
  isDegrees(frame) ? [t("longitude"), t("latitude")] : [t("east"), t("north")];

export function shown(pair: Pair | undefined, frame: Frame, digits: Digits): [string, string] {
  const [x, y] = pair ?? [null, null];
  if (x === null || y === null) return ["", ""];
  if (!isDegrees(frame)) return [x.toFixed(METRE_DIGITS), y.toFixed(METRE_DIGITS)];
  if (digits === "dms") return [sexagesimal(x, "E", "W"), sexagesimal(y, "N", "S")];
  return [x.toFixed(DEGREE_DIGITS), y.toFixed(DEGREE_DIGITS)];
}

/** 114°01′19.2000″E: four digits of a second are 3 mm. */
export function sexagesimal(angle: number, positive: string, negative: string): string {
  const units = Math.round(Math.abs(angle) * 36_000_000);
  const seconds = (units % 600_000) / 10_000;
  const minutes = Math.floor(units / 600_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const letter = angle < 0 ? negative : positive;
  return `${Math.floor(minutes / 60)}°${two(minutes % 60)}′${seconds.toFixed(4).padStart(7, "0")}″${letter}`;
}

/** The whole result: every column as it came, then the two numbers, the accuracy, the reason. */
export function csv(answer: Answer, digits: Digits): string {
  const { converted } = answer;
  if (!converted) return "";
  const head = [...answer.columns, "x_converted", "y_converted", "frame", "accuracy_m", "reason"];
  const lines = answer.rows.map((row, i) => {
    const [x, y] = shown(converted.xy[i], answer.to, digits);
    const fault = answer.faults[String(i)];
    const reached = x === "" ? "" : String(converted.accuracy_m);
    return [...row, x, y, answer.to.name, reached, fault ? fault[lang()] : ""];
  });
  return BOM + [head, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Offer a text as a file. */
export function download(text: string, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
