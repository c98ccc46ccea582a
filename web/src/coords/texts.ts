/** Both languages of every text of the coordinate page. */

import { lang } from "../i18n";

const TEXTS = {
  title: ["坐标转换", "Coordinates"],
  map_link: ["一张图", "One Map"],
  input: ["坐标", "Input"],
  input_hint: [
    "粘贴坐标，每行一个点；或把 CSV、TXT 文件拖到这里",
    "Paste coordinates, one place a line; or drop a CSV or TXT file here",
  ],
  formats: [
    "可写：114.022, 32.98 · 114°01′19.2″E 32°58′48″N · X=3650530.17, Y=38502056.43 · 点号 东 北 · 带表头的 CSV（经度、纬度、东坐标、北坐标、X、Y）",
    "Write 114.022, 32.98 · 114°01′19.2″E 32°58′48″N · X=3650530.17, Y=38502056.43 · name east north · CSV with a header (lon, lat, east, north, X, Y)",
  ],
  choose_file: ["选择文件", "Choose a file"],
  remove_file: ["移除文件", "Remove the file"],
  example: ["试一个例子", "Try an example"],
  clear: ["清空", "Clear"],
  from: ["来自", "From"],
  to: ["转到", "To"],
  swap: ["对调", "Swap"],
  detect: ["不知道，问数据", "Unknown: ask the data"],
  other: ["其他…", "Another…"],
  other_frame: ["坐标系代码或 WKT", "Code of the frame, or a WKT"],
  city: ["本市常用", "Used in this city"],
  service: ["地图服务", "Map services"],
  local: ["地方坐标系", "Local frames"],
  others: ["邻带与其他", "Next zones and others"],
  old: ["旧坐标系（需控制点）", "Old datums (control points needed)"],
  order: ["先写的是", "What comes first"],
  order_auto: ["由数值判断", "The numbers tell"],
  order_east: ["东或经度", "East or longitude"],
  order_north: ["北或纬度", "North or latitude"],
  angles: ["角度写法", "Angles are"],
  angles_auto: ["度，或度分秒符号", "Degrees, or with marks"],
  angles_packed: ["度.分秒（DDD.MMSS）", "Packed DDD.MMSS"],
  convert: ["转换", "Convert"],
  converting: ["正在转换…", "Converting…"],
  nothing_yet: [
    "结果、精度和地图将显示在这里。坐标只送到本服务器，不外传",
    "Results, their accuracy and a map will stand here. Coordinates go to this server only",
  ],
  accuracy: ["精度", "Accuracy"],
  exact: ["0 m（仅公式换算）", "0 m (formulas only)"],
  steps: ["步骤", "Steps"],
  same_frame: ["同一坐标系，数值不变", "The same frame: numbers stay"],
  turned: ["北坐标在前，已对调", "North came first; turned"],
  beyond: ["个点在控制点范围之外，精度为外推", "places lie beyond the control points: accuracy extrapolated"],
  decided: ["数据判定为", "The data say"],
  undecided: ["数据不足以判定坐标系，没有猜", "The data do not settle the frame, and nothing was guessed"],
  candidates: ["可能是", "It may be"],
  needs: ["要确定，需要", "What would settle it"],
  mixed: ["混有几种坐标系，请拆分", "Several frames are mixed; split the file"],
  use_frame: ["按此转换", "Convert so"],
  within: ["落在参考线 10 m 内", "within 10 m of the reference"],
  rows: ["行", "rows"],
  done_rows: ["已转换", "converted"],
  failed_rows: ["失败", "failed"],
  only_failed: ["只看失败", "Failed only"],
  line: ["行号", "Line"],
  original: ["原文", "As it came"],
  reason: ["原因", "Why not"],
  more: ["再显示", "Show more"],
  decimal: ["小数", "Decimal"],
  dms: ["度分秒", "DMS"],
  digits: ["角度显示", "Show angles as"],
  download: ["下载 CSV", "Download CSV"],
  copy: ["复制结果", "Copy results"],
  copied: ["已复制", "Copied"],
  copy_failed: ["浏览器不允许复制", "The browser won't copy"],
  results: ["结果", "Results"],
  points_map: ["结果地图", "Map of the results"],
  map_part: ["地图只画前", "The map shows the first"],
  no_map: ["地图打不开，转换不受影响", "The map could not be opened; converting works all the same"],
  no_places: ["这些坐标没有到 CGCS2000 的途径，无法上图", "No way leads from these to CGCS2000, so the map can't show them"],
  open_map: ["在一张图上看", "Open on the map"],
  too_large: ["文件超过 10 MB。请拆分，或用 gis coords convert 文件", "The file is larger than 10 MB. Split it, or use gis coords convert FILE"],
  longitude: ["经度", "Longitude"],
  latitude: ["纬度", "Latitude"],
  east: ["东", "East"],
  north: ["北", "North"],
  language: ["语言", "Language"],
  keys: ["Ctrl + Enter 转换", "Ctrl + Enter converts"],
} as const satisfies Record<string, readonly [string, string]>;

export type Key = keyof typeof TEXTS;

export const t = (key: Key): string => TEXTS[key][lang() === "zh" ? 0 : 1];

const HAN = /[\u4e00-\u9fff]/;

/** One language of a text the server wrote in both: `A → B: 中文 / English (1 m)`. */
export function half(text: string): string {
  const [, head = "", rest = text] = /^(.*? → .*?: )(.*)$/s.exec(text) ?? [];
  const cut = rest.indexOf(" / ");
  if (cut < 0 || !HAN.test(rest.slice(0, cut))) return text;
  const tail = /\s\([^()]* m\)$/.exec(rest)?.[0] ?? "";
  if (lang() === "zh") return head + rest.slice(0, cut) + tail;
  return head + rest.slice(cut + 3).replace(/[\u4e00-\u9fff]+ \/ /g, "");
}
