/** Both languages of every text of the page. Chinese first. */

import type { Label } from "./contract";

export type Lang = "zh" | "en";

let current: Lang = "zh";

export function setLang(lang: Lang): void {
  current = lang;
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
}

export const lang = (): Lang => current;

/** A label in the language that is on. */
export const say = (label: Label): string => label[current] || label.zh;

const TEXTS = {
  product: ["一张图", "One Map"],
  opening: ["正在打开一张图…", "Opening the map…"],
  unreachable: [
    "连不上服务器。请确认 gis serve 仍在运行，然后重试",
    "The server can't be reached. See that gis serve is still running, then try again",
  ],
  retry: ["重试", "Try again"],
  dismiss: ["关闭提示", "Dismiss"],
  no_webgl: [
    "浏览器没有 WebGL，画不出地图。请打开硬件加速，或换用新版 Chrome、Edge、Firefox",
    "This browser has no WebGL, so no map can be drawn. Turn on hardware acceleration, or use a current Chrome, Edge or Firefox",
  ],
  failed: ["出错了", "Something went wrong"],
  tiles_failed: ["图层加载失败", "A layer could not be loaded"],
  // header
  search: ["搜索", "Search"],
  search_hint: ["地名、编号、单元代码、坐标", "Place, number, unit code, coordinates"],
  search_empty: [
    "没有找到。可输入地名、28 位不动产单元代码、部件或管线编号、北斗网格码，或任一坐标系的坐标",
    "Nothing found. Try a place, a 28-digit unit code, a component or pipe number, a BeiDou grid code, or coordinates in any frame",
  ],
  searching: ["搜索中…", "Searching…"],
  read_as: ["理解为：", "Read as: "],
  clear: ["清除", "Clear"],
  view_mode: ["视图", "View"],
  flat: ["二维", "2D"],
  solid: ["三维", "3D"],
  language: ["语言", "Language"],
  alerts: ["疑似线索", "Alerts"],
  feature: ["要素", "Feature"],
  layers: ["图层", "Layers"],
  map: ["地图", "Map"],
  home: ["回到全城", "Back to the city"],
  // layers
  show_layer: ["显示图层", "Show layer"],
  legend_of: ["图例与透明度", "Legend and opacity"],
  opacity: ["不透明度", "Opacity"],
  fold: ["收起", "Fold"],
  unfold: ["展开", "Unfold"],
  zoom_in: ["放大后显示", "Zoom in to see it"],
  empty_layer: ["暂无数据", "No data yet"],
  empty_then: ["当日尚无数据", "No data on that date"],
  owner: ["来源", "Source"],
  accuracy: ["精度", "Accuracy"],
  features: ["要素", "features"],
  only_2d: ["仅二维", "2D only"],
  backdrop: ["水系与绿地底色", "Water and green tint"],
  internal: ["内部", "Internal"],
  sensitive: ["敏感", "Sensitive"],
  all_off: ["全部关闭", "All off"],
  usual_layers: ["默认图层", "Usual layers"],
  // card
  nothing_here: ["点击地图上的建筑、管线、地块等，查看其属性", "Click a building, pipe or parcel on the map to see what is known of it"],
  found_here: ["此处共有", "Here"],
  all_fields: ["全部属性", "All fields"],
  history: ["历史", "History"],
  no_history: ["只有一个版本", "One version only"],
  version: ["版本", "Version"],
  until_now: ["至今", "now"],
  since: ["有效自", "Valid from"],
  place_code: ["北斗网格码", "BeiDou code"],
  position: ["坐标", "Position"],
  copy_position: ["复制坐标", "Copy coordinates"],
  copy_code: ["复制位置码", "Copy place code"],
  copy_link: ["复制链接", "Copy link"],
  copied: ["已复制", "Copied"],
  copy_failed: ["浏览器不允许复制，请手动选择", "The browser won't copy; select the text by hand"],
  zoom_to: ["缩放至", "Zoom to"],
  close: ["关闭", "Close"],
  latest: ["最新读数", "Latest reading"],
  last_week: ["近七天", "Last seven days"],
  no_readings: ["近七天没有读数", "No readings in the last seven days"],
  gone: ["该日期没有这个要素", "There is no such feature on that date"],
  not_found: ["未找到该要素", "There is no such feature"],
  changed_fields: ["变化", "Changed"],
  documents: ["文档", "Documents"],
  geometry_changed: ["图形有变", "shape changed"],
  first_version: ["首次入库", "First version"],
  yes: ["是", "Yes"],
  no: ["否", "No"],
  hectare: ["公顷", "ha"],
  mu: ["亩", "mu"],
  ten_thousand_cny: ["万元", "× 10,000 CNY"],
  // time
  time: ["时间", "Time"],
  today: ["今天", "Today"],
  choose_date: ["查看日期", "Show the city on"],
  play: ["按交付播放", "Play through the deliveries"],
  pause: ["暂停", "Pause"],
  past_banner: ["正在查看该日的城市：", "You see the city as of "],
  back_to_today: ["回到今天", "Back to today"],
  deliveries_on: ["交付", "deliveries"],
  earlier: ["上一次交付", "Previous delivery"],
  later: ["下一次交付", "Next delivery"],
  no_deliveries: ["尚无交付。用 gis ingest 导入数据", "No deliveries yet. Bring data in with gis ingest"],
  // alerts
  clue_only: [
    "线索由影像比对自动生成，均为“疑似”。认定前必须实地核查（自然资发〔2023〕258号）",
    "Raised automatically by comparing images: suspected only. A field check is compulsory before anything is confirmed",
  ],
  state: ["状态", "State"],
  reason: ["理由", "Reason"],
  county: ["县区", "County"],
  any: ["全部", "All"],
  no_alerts: ["没有符合条件的线索", "No alerts match"],
  no_alerts_yet: [
    "还没有线索。用 gis detect 比对两期影像",
    "No alerts yet. Compare two dates of imagery with gis detect",
  ],
  case_file: ["线索档案", "Case file"],
  next: ["下一条", "Next"],
  previous: ["上一条", "Previous"],
  back_to_list: ["返回列表", "Back to the list"],
  score: ["置信度", "Score"],
  area: ["面积", "Area"],
  height_change: ["高度变化", "Height change"],
  kind: ["变化类型", "Kind of change"],
  stage: ["阶段", "Stage"],
  image_date: ["后期影像", "After image"],
  parcel: ["宗地", "Parcel"],
  before: ["前期", "Before"],
  after: ["后期", "After"],
  difference: ["高差", "Difference"],
  drag_to_compare: ["拖动比较前后期影像", "Drag to compare before and after"],
  no_chips: ["没有影像切片", "No image chips"],
  reasons: ["判定依据", "Grounds"],
  consulted: ["查阅的数据版本", "Data versions consulted"],
  trail: ["处理记录", "Trail"],
  found_by: ["检测", "Detection"],
  keys_hint: ["J / K 下一条 / 上一条", "J / K next / previous"],
  alerts_count: ["条", "alerts"],
  raised: ["发现", "raised"],
  again: ["再次发现", "found again"],
  reopened: ["重新打开", "reopened"],
  assigned: ["交办", "assigned to"],
  suppressed: ["未再变化，不重复提示", "no further change, not raised again"],
  undone: ["（已撤销）", "(undone)"],
  rules_version: ["规则", "Rules"],
  // figures of the grounds
  cover: ["许可覆盖", "Covered by permits"],
  min_cover: ["须达", "Required cover"],
  area_m2: ["变化面积", "Area of the change"],
  height_m: ["实测高度", "Measured height"],
  permitted_m: ["许可高度", "Permitted height"],
  excess_m: ["超出", "Excess"],
  margin_m: ["测量误差", "Margin"],
  inside_m2: ["线内面积", "Area inside"],
  outside_m2: ["线外面积", "Area outside"],
  share: ["占比", "Share"],
  band_m2: ["面积误差", "Area band"],
  max_cover: ["许可覆盖上限", "Cover at most"],
  permits_unused: ["未建的许可数", "Permits not built on"],
  built_share: ["其中已建", "Built on so far"],
  distance_m: ["距许可范围", "Distance to the permit"],
  excess_m2: ["超出许可面积", "Beyond the permit"],
  permitted_m2: ["许可内面积", "Within the permit"],
  min_excess_m2: ["起算面积", "Smallest excess that counts"],
  days_overdue: ["逾期天数", "Days overdue"],
  grace_days: ["宽限天数", "Days of grace"],
  min_overlap_m2: ["起算面积", "Smallest overlap that counts"],
  // 3D
  ground: ["地面", "Ground"],
  ground_opaque: ["不透明", "opaque"],
  underground: ["地下", "Below ground"],
  opening_3d: ["正在打开三维…", "Opening 3D…"],
  no_3d: [
    "打不开三维视图，已回到二维",
    "3D could not be opened; back to 2D",
  ],
  height_classes: ["建筑高度", "Building height"],
  north_up: ["正北朝上", "North up"],
  tilt: ["俯视 / 斜视", "Top view / oblique"],
  three_layers: [
    "三维显示建筑、地下管线和窨井；地面按建筑室外地坪高程拟合",
    "3D shows buildings, pipes and manholes; the ground is fitted to the buildings' ground levels",
  ],
  heights_note: ["高程：1985 国家高程基准", "Heights: 1985 national datum"],
  undulation: ["高程异常", "geoid undulation"],
} as const satisfies Record<string, readonly [string, string]>;

export type TextKey = keyof typeof TEXTS;

export const isTextKey = (key: string): key is TextKey => key in TEXTS;

export const text = (key: TextKey): Label => ({ zh: TEXTS[key][0], en: TEXTS[key][1] });

/** A text of the page in the language that is on. */
export const words = (key: TextKey): string => TEXTS[key][current === "zh" ? 0 : 1];
