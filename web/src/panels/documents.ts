/** Documents of a feature: pictures small, everything to be saved. */

import { documents } from "../api";
import type { Paper } from "../contract";
import { h } from "../dom";
import { words } from "../i18n";
import { failedLine } from "./notices";

const PICTURES = ["image/jpeg", "image/png", "image/webp"];
const MOST_SHOWN_BYTES = 8_000_000;
const UNITS = ["B", "kB", "MB"];

/** The list, filled once it is known. `href`: where the server says the documents are. */
export function documentList(href: string): HTMLElement {
  const list = h("ul", { class: "documents" });
  void fill(list, href);
  return h("section", { class: "papers", "aria-label": words("documents") }, h("h4", {}, words("documents")), list);
}

async function fill(list: HTMLElement, href: string): Promise<void> {
  try {
    list.replaceChildren(...(await documents(href)).map(line));
  } catch (error) {
    list.replaceChildren(failedLine(error, () => void fill(list, href)));
  }
}

function line(paper: Paper): HTMLElement {
  const address = new URL(paper.href).pathname;
  const picture = PICTURES.includes(paper.type) && paper.bytes <= MOST_SHOWN_BYTES;
  return h(
    "li",
    {},
    picture ? h("img", { src: address, alt: paper.title ?? paper.name, loading: "lazy", class: "thumbnail" }) : null,
    h("a", { href: address, download: paper.name }, paper.title ?? paper.name),
    h("span", { class: "fine" }, `${paper.title ? `${paper.name} · ` : ""}${size(paper.bytes)}`),
  );
}

function size(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${(bytes / 1000 ** step).toFixed(step ? 1 : 0)} ${UNITS[step]}`;
}
