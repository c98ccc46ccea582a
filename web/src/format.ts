/** Numbers, dates and places the way people read them. */

import { isPublicCode } from "./colors";
import type { Field, Scalar } from "./contract";
import { say, words } from "./i18n";

const DASH = "—";

export function number(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** Square metres, with hectares and mu where they help to picture it. */
export function area(m2: number): string {
  const parts = [`${number(m2, m2 < 100 ? 1 : 0)} m²`];
  if (m2 >= 1000) parts.push(`${number(m2 / 10_000, 2)} ${words("hectare")}`);
  if (m2 >= 200) parts.push(`${number((m2 * 3) / 2000, 2)} ${words("mu")}`);
  return parts.join(" · ");
}

/** A value as a person reads it: code titles, units, dates. `unit` overrides the field's. */
export function value(field: Field, raw: Scalar | undefined, unit: string | null = field.unit): string {
  if (raw === null || raw === undefined || raw === "") return DASH;
  if (field.type === "code") {
    const code = field.codes?.[String(raw)];
    if (!code) return String(raw);
    return isPublicCode(String(raw)) ? `${say(code)} (${raw})` : say(code);
  }
  if (field.type === "boolean") return words(raw ? "yes" : "no");
  if (field.type === "number" || field.type === "integer") {
    const plain = /year/.test(field.name);  // a year has no thousands separator
    const shown = plain ? String(raw) : number(Number(raw), field.type === "integer" ? 0 : 3);
    if (unit === "m²") return area(Number(raw));
    return unit ? `${shown} ${unitName(unit)}` : shown;
  }
  return String(raw);
}

/** Units that are words are said in the language that is on. */
function unitName(unit: string): string {
  if (unit === "公顷") return words("hectare");
  return unit === "万元" ? words("ten_thousand_cny") : unit;
}

/** `2023-06-01` of a moment, in the city's time zone. */
export function day(moment: string | Date, timezone: string): string {
  const date = typeof moment === "string" ? new Date(moment) : moment;
  if (Number.isNaN(date.getTime())) return String(moment);
  // The Swedish locale writes dates as ISO does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short" }).format(date);
}

/** `2023-06-01 08:30` of a moment, in the city's time zone. */
export function minute(moment: string | Date, timezone: string): string {
  const date = typeof moment === "string" ? new Date(moment) : moment;
  if (Number.isNaN(date.getTime())) return String(moment);
  return new Intl.DateTimeFormat("sv-SE", {
    timeZone: timezone,
    dateStyle: "short",
    timeStyle: "short",
  }).format(date);
}

export function degrees(lon: number, lat: number): string {
  return `${lon.toFixed(6)}, ${lat.toFixed(6)}`;
}

/** Degrees, minutes, seconds to a hundredth (about 0.3 m), with their letters. */
export function sexagesimal(lon: number, lat: number): string {
  return `${dms(lon, "E", "W")} ${dms(lat, "N", "S")}`;
}

function dms(angle: number, positive: string, negative: string): string {
  const hundredths = Math.round(Math.abs(angle) * 360_000);
  const seconds = (hundredths % 6000) / 100;
  const minutes = Math.floor(hundredths / 6000) % 60;
  const whole = Math.floor(hundredths / 360_000);
  const letter = angle < 0 ? negative : positive;
  return `${whole}°${String(minutes).padStart(2, "0")}′${seconds.toFixed(2).padStart(5, "0")}″${letter}`;
}
