/** Elements in one call. Text is always text: nothing from the server is read as markup. */

type Child = Node | string | number | null | undefined | false;

type Attributes = Record<string, string | number | boolean | null | undefined | EventListener>;

/** `h("button", { class: "x", onclick: f }, "text")`; an attribute that is null or false is left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter(isNode));
  return element;
}

function isNode(child: Child): child is Node | string {
  if (typeof child === "number") throw new TypeError("format numbers before showing them");
  return child !== null && child !== undefined && child !== false;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(
  tag: string,
  attributes: Record<string, string | number>,
  ...children: SVGElement[]
): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A line icon of 24 × 24, drawn with the current text colour. */
export function icon(path: string, size = 18): SVGElement {
  return svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: size,
      height: size,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    svg("path", { d: path }),
  );
}

export const ICONS = {
  search: "M11 4a7 7 0 1 1 0 14a7 7 0 0 1 0-14zM16.500 16.500L21 21",
  layers: "M3 8.500l9-4.500 9 4.500-9 4.500zM3 13l9 4.500 9-4.500M3 17l9 4 9-4",
  close: "M6 6l12 12M18 6L6 18",
  chevron: "M9 5l7 7-7 7",
  left: "M15 5l-7 7 7 7",
  alert: "M12 4l9.500 16h-19zM12 10v5M12 17.800v.2",
  info: "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM12 11v6M12 7.200v.2",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  target: "M12 5a7 7 0 1 1 0 14a7 7 0 0 1 0-14zM12 2v4M12 18v4M2 12h4M18 12h4",
  clock: "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM12 7v5l3.500 2",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
  home: "M4 11l8-7 8 7M6 10v10h12V10",
} as const;
