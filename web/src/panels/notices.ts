/** What went wrong and what is under way: one line each, with what to do about it. */

import { Failure } from "../api";
import type { Label } from "../contract";
import { h, icon, ICONS } from "../dom";
import { say, text, words } from "../i18n";

const SHORT_MS = 2500;

export class Notices {
  readonly element = h("div", { class: "notices", role: "status", "aria-live": "polite" });
  private lines = new Map<string, HTMLElement>();

  /** Show an error until it is dismissed or `clear`ed; one line a `topic`. */
  failed(topic: string, error: unknown, retry?: () => void): void {
    const label = error instanceof Failure ? error.label : text("failed");
    this.show(topic, label, "error", retry);
  }

  show(topic: string, label: Label, kind: "error" | "info", retry?: () => void): void {
    const line = h(
      "div",
      { class: `notice ${kind}` },
      icon(kind === "error" ? ICONS.alert : ICONS.info),
      h("span", {}, say(label)),
      retry
        ? h("button", { class: "text-button", onclick: () => { this.clear(topic); retry(); } }, words("retry"))
        : null,
      h(
        "button",
        { class: "icon-button", "aria-label": words("dismiss"), onclick: () => this.clear(topic) },
        icon(ICONS.close, 14),
      ),
    );
    this.lines.get(topic)?.remove();
    this.lines.set(topic, line);
    this.element.append(line);
  }

  /** A word that goes by itself. */
  brief(label: Label): void {
    this.show("brief", label, "info");
    const line = this.lines.get("brief");
    setTimeout(() => line?.remove(), SHORT_MS);
  }

  clear(topic: string): void {
    this.lines.get(topic)?.remove();
    this.lines.delete(topic);
  }
}

/** A list's place while it is loading. */
export function skeleton(rows: number): HTMLElement {
  const lines = Array.from({ length: rows }, () => h("div", { class: "skeleton" }));
  return h("div", { class: "skeletons", "aria-busy": "true" }, ...lines);
}

/** The line shown where something could not be had. */
export function failedLine(error: unknown, retry: () => void): HTMLElement {
  const label = error instanceof Failure ? error.label : text("failed");
  return h(
    "p",
    { class: "failed", role: "alert" },
    say(label),
    " ",
    h("button", { class: "text-button", onclick: retry }, words("retry")),
  );
}
