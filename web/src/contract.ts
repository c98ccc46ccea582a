/** What the server answers, as `docs/api.md` has it. Degrees are CGCS2000, longitude first. */

export interface Label {
  zh: string;
  en: string;
}

export type Bbox = [west: number, south: number, east: number, north: number];

export type Scalar = string | number | boolean | null;

export interface Code extends Label {
  color: string | null;
}

export interface Field {
  name: string;
  title: Label;
  type: "text" | "integer" | "number" | "boolean" | "date" | "datetime" | "code";
  unit: string | null;
  codes: Record<string, Code> | null;
}

export interface LayerStyle {
  kind:
    | "fill"
    | "hatch"
    | "outline"
    | "building"
    | "line"
    | "point"
    | "road"
    | "label"
    | "red_line"
    | "alert";
  color?: string;
  color_by?: string;
  label?: string;
}

export interface Layer {
  id: string;
  title: Label;
  theme: string;
  geometry: string;
  order: number;
  classification: "public" | "internal" | "sensitive";
  owner: Label;
  accuracy_m: number;
  style: LayerStyle;
  key: string[];
  fields: Field[];
  features: number;
  solid: "extrude" | "tube" | "manhole" | null;
  latest: boolean;
  extent: Bbox | null;
}

export interface Delivery {
  id: number;
  layer: string;
  as_of: string;
  received_at: string;
  department: string | null;
  source: string;
  mode: string;
  new: number;
  changed: number;
  closed: number;
  quarantined: number;
}

export interface Config {
  version: string;
  city: {
    code: string;
    name: Label;
    bbox: Bbox;
    home: { lon: number; lat: number; zoom: number };
    metric_frame: string;
    geoid_undulation_m: number | null;
    timezone: string;
  };
  themes: { id: string; title: Label }[];
  layers: Layer[];
  deliveries: Delivery[];
  alerts: {
    states: { code: string; zh: string; en: string; color: string }[];
    reasons: { code: string; zh: string; en: string }[];
    counties: { code: string; name: string }[];
  };
}

export interface Item {
  id: number;
  geometry: GeoJSON.Geometry | null;
  properties: Record<string, Scalar>;
  /** How many documents belong to it, and where they are listed; absent = none. */
  documents?: { count: number; href: string };
}

/** A photo, drawing or permit on record. */
export interface Paper {
  id: number;
  name: string;
  title: string | null;
  type: string;
  bytes: number;
  href: string;
}

export interface Version {
  version_id: number;
  valid_from: string;
  valid_to: string | null;
  opened_by: number;
  closed_by: number | null;
  accuracy_m: number | null;
  place_code: string | null;
  geometry: GeoJSON.Geometry | null;
  properties: Record<string, Scalar>;
}

export interface SearchResult {
  title: string;
  subtitle: Label;
  layer: string | null;
  id: number | null;
  lon: number;
  lat: number;
  bbox: Bbox | null;
}

export interface SearchAnswer {
  query: string;
  read_as: Label | null;
  results: SearchResult[];
}

/** One line of the work list. */
export interface ImageDay {
  date: string;
  kinds: ("ortho" | "dsm")[];
  images: string[];
  gsd_m: number;
  bbox: Bbox;
}

export interface AlertRow {
  key: number;
  alert_id: string;
  state: string;
  kind: string;
  reasons: string[];
  score: number;
  area_m2: number;
  area_band_m2: number | null;
  delta_h_m: number | null;
  delta_h_band_m: number | null;
  stage: string | null;
  image_date: string | null;
  county_code: string | null;
  parcel_code: string | null;
  note: string | null;
  assignee?: string | null;
  /** The day by which the next step is due, ISO; null = none is set. */
  due_on?: string | null;
  lon: number;
  lat: number;
}

export interface Reason {
  code: string;
  title: Label;
  law: Label;
  figures: Record<string, number>;
  consulted: { layer: string; key: number; version_id: number }[];
}

export interface Consulted {
  layer: string;
  key: number;
  version_id: number;
  valid_from?: string;
  properties?: Record<string, Scalar>;
}

export interface TrailStep {
  at: string;
  event: "raised" | "again" | "reopened" | "suppressed" | "state" | "assigned" | "due" | "photo";
  from_state: string | null;
  to_state: string | null;
  note: string | null;
  who: string;
  assignee?: string | null;
  due_on?: string | null;
  /** Number of the photo's document. */
  document?: number | null;
  run: number | null;
  undone_at: string | null;
}

export interface Evidence {
  run: number;
  engine: string;
  engine_version: string;
  rules_version: string;
  before_image: string;
  after_image: string;
  before_date: string;
  image_date: string;
  ran_at: string;
}

export interface AlertFile {
  key: number;
  alert_id: string;
  place_code: string | null;
  valid_from: string;
  properties: Omit<AlertRow, "lon" | "lat" | "key"> & Record<string, unknown>;
  geometry: GeoJSON.Geometry;
  /** Goes back with the next step, so that nobody's work is overwritten. */
  etag: string;
  may_work: boolean;
  next_states: string[];
  assignee: string | null;
  due_on: string | null;
  reasons: Reason[];
  consulted: Consulted[];
  chips: string[];
  evidence: Evidence[];
  trail: TrailStep[];
}

/** What an officer does about an alert; what is left out stays. */
export interface AlertStep {
  state?: string;
  note?: string;
  assignee?: string;
  due_on?: string;
}

/** How far the work on alerts has come. */
export interface AlertFigures {
  found: number;
  checked: number;
  confirmed: number;
  dismissed: number;
  closed: number;
  open: number;
  overdue: number;
  days_to_close: number | null;
  confirmed_share: number | null;
}

/** A step of some alert, as `/live` tells it. */
export interface LiveStep {
  id: number;
  alert_id: string;
  key: number | null;
  event: TrailStep["event"];
  to_state: string | null;
  lon: number | null;
  lat: number | null;
}

export interface Readings {
  datastream: string;
  readings: [time: string, value: number][];
}

/** What bears on a site (`site-check`); the whole of it is described at `/processes/site-check`. */
export interface SiteAnswer {
  site: { geometry: GeoJSON.Geometry; area_m2: number; admin: { name: string }[] };
  as_of: string;
  reach_m: number;
  summary: { conditions: number; forbidden: boolean };
  land_use: { code: string | null; title: Label; area_m2: number; share: number }[];
  conditions: SiteCondition[];
  consulted: { layer: string; title: Label }[];
}

export interface SiteCondition {
  number: number;
  group: string;
  weight: "forbids" | "limits" | "notice";
  text: Label;
  geometry: GeoJSON.Geometry | null;
  evidence: { layer: string; layer_title: Label; id: number | null };
}
