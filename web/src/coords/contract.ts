/** What `/coords/*.json` answers, as docs/api.md has it. Pairs are east or longitude first. */

import { ask } from "../api";
import type { Label } from "../contract";

export type Pair = [x: number | null, y: number | null];

export interface Frame {
  name: string;
  title: Label;
  unit: string;
}

export interface Choice extends Frame {
  group: "city" | "service" | "local" | "other" | "old";
  /** Of the way to CGCS2000, metres; null = none is published. */
  accuracy_m: number | null;
}

export interface Candidate {
  frame: string;
  score: number | null;
  offset_m: number | null;
  order: "east_first" | "north_first";
  /** "as stated", or the unit the numbers would have (mm, packed DMS, …). */
  unit: string;
  /** What would have to be added where the origin was cut off, metres. */
  shift: [east: number, north: number];
  /** Chinese and English, " / " between them. */
  why: string[];
}

export interface Answer {
  to: Frame;
  columns: string[];
  rows: string[][];
  /** Line of the text each row stands on. */
  lines: number[];
  names: string[];
  failed: number;
  /** Row (counted from 0) to the reason why it has no result. */
  faults: Record<string, Label>;
  converted: {
    from: Frame;
    accuracy_m: number;
    steps: string[];
    turned: boolean;
    beyond_control: number;
    from_xy: Pair[];
    xy: Pair[];
    lonlat: Pair[];
  } | null;
  diagnosis: { decision: string | null; candidates: Candidate[]; mixed: { frame: string; rows: number }[]; needs: string[] } | null;
}

export type Converted = NonNullable<Answer["converted"]>;

/** Asks the data instead of naming a frame. */
export const DETECT = "detect";

/** More the map does not draw. */
export const MOST_POINTS = 20_000;

export interface Asked {
  from: string;
  to: string;
  order: "auto" | "east" | "north";
  angles: "auto" | "packed";
}

export const frames = async (): Promise<Choice[]> =>
  (await ask<{ frames: Choice[] }>("/coords/frames.json")).frames;

export const convert = (asked: Asked, body: string | Blob, signal: AbortSignal): Promise<Answer> =>
  ask("/coords/convert.json", { ...asked }, signal, body);
