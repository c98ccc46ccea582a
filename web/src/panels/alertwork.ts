/** What an officer does about an alert: the next state with a note, who and by when, photos. */

import { alertFigures, sendPhoto, stepAlert } from "../api";
import type { AlertFile, AlertStep, Config } from "../contract";
import { h } from "../dom";
import * as format from "../format";
import { say, text, words, type TextKey } from "../i18n";
import { failedLine, type Notices } from "./notices";

const PHOTOS = "image/jpeg,image/png,image/webp,application/pdf,video/mp4";

/** The form under a case. `done`: the alert is another now. */
export class AlertWork {
  readonly element: HTMLElement;
  private readonly note = h("textarea", { id: "work-note", rows: 2, maxlength: 4000 });
  private readonly due = h("input", { id: "work-due", type: "date" });
  private readonly assignee = h("input", { id: "work-assignee", type: "text", maxlength: 100 });
  private readonly wrong = h("div", {});
  /** A step is on its way. */
  busy = false;

  constructor(
    readonly file: AlertFile,
    private readonly config: Config,
    private readonly notices: Notices,
    private readonly done: () => void,
  ) {
    this.due.min = new Date().toISOString().slice(0, 10);
    this.element = h(
      "section",
      { class: "work", "aria-label": words("work") },
      h("h4", {}, words("work")),
      h("label", {}, h("span", {}, words("work_note")), this.note),
      h(
        "div",
        { class: "pair" },
        h("label", {}, h("span", {}, words("work_assignee")), this.assignee),
        h("label", {}, h("span", {}, words("work_due")), this.due),
      ),
      h("div", { class: "actions" }, ...file.next_states.map((state) => this.stateButton(state)), this.assignButton(), this.photoButton()),
      this.wrong,
    );
  }

  /** Whether something is written that would be lost. */
  get dirty(): boolean {
    return [this.note, this.due, this.assignee].some((field) => field.value !== "");
  }

  /** What was written in a form that is shown anew. */
  takeOver(before: AlertWork): void {
    this.note.value = before.note.value;
    this.due.value = before.due.value;
    this.assignee.value = before.assignee.value;
  }

  private stateButton(code: string): HTMLElement {
    const state = this.config.alerts.states.find((one) => one.code === code);
    return h(
      "button",
      { class: "action primary", "data-state": code, onclick: () => this.take({ ...this.typed(), state: code }) },
      state ? `→ ${say(state)}` : `→ ${code}`,
    );
  }

  private assignButton(): HTMLElement {
    return h("button", { class: "action", id: "work-assign", onclick: () => this.take(this.typed()) }, words("work_assign"));
  }

  private photoButton(): HTMLElement {
    const input = h("input", { type: "file", id: "work-photo", accept: PHOTOS, multiple: true, class: "unseen" });
    input.addEventListener("change", () => void this.send([...(input.files ?? [])]));
    return h("label", { class: "action" }, words("work_photo"), input);
  }

  private typed(): AlertStep {
    const step: AlertStep = {};
    if (this.note.value.trim()) step.note = this.note.value.trim();
    if (this.assignee.value.trim()) step.assignee = this.assignee.value.trim();
    if (this.due.value) step.due_on = this.due.value;
    return step;
  }

  private take(step: AlertStep): void {
    if (step.state && !step.note) {
      this.note.focus();
      this.wrong.replaceChildren(h("p", { class: "failed", role: "alert" }, words("work_note_missing")));
      return;
    }
    void this.during(() => stepAlert(this.file, step), () => this.take(step));
  }

  private async send(photos: File[]): Promise<void> {
    const title = this.note.value.trim() || null;
    await this.during(async () => {
      for (const photo of photos) await sendPhoto(this.file.key, photo, title);
    }, () => void this.send(photos));
  }

  private async during(work: () => Promise<unknown>, retry: () => void): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.wrong.replaceChildren();
    for (const button of this.element.querySelectorAll("button")) button.disabled = true;
    try {
      await work();
      this.notices.brief(text("work_done"));
      this.busy = false;
      this.done();
    } catch (error) {
      this.busy = false;
      for (const button of this.element.querySelectorAll("button")) button.disabled = false;
      this.wrong.replaceChildren(failedLine(error, retry));
    }
  }
}

const FIGURES = [
  ["figures_found", "found"],
  ["figures_checked", "checked"],
  ["figures_confirmed", "confirmed"],
  ["figures_dismissed", "dismissed"],
  ["figures_closed", "closed"],
  ["figures_open", "open"],
  ["figures_overdue", "overdue"],
  ["figures_days", "days_to_close"],
] as const satisfies readonly (readonly [TextKey, string])[];

/** How far the work has come; asked for when it is opened. */
export function alertFiguresList(): HTMLElement {
  const list = h("dl", { class: "fields" });
  const fill = async (): Promise<void> => {
    try {
      const found = await alertFigures();
      list.replaceChildren(
        ...FIGURES.flatMap(([title, name]) => {
          const value = found[name];
          return [h("dt", {}, words(title)), h("dd", {}, value === null ? "—" : format.number(value, 1))];
        }),
      );
    } catch (error) {
      list.replaceChildren(failedLine(error, () => void fill()));
    }
  };
  const details = h("details", { class: "alert-figures" }, h("summary", {}, words("figures")), list);
  details.addEventListener("toggle", () => details.open && void fill());
  return details;
}
