/** Two pictures of one place, one over the other, with a bar to draw between them. */

import { h } from "../dom";

export interface Swipe {
  before: string;
  after: string;
  beforeLabel: string;
  afterLabel: string;
  hint: string;
}

export function swipe(pair: Swipe): HTMLElement {
  const box = h(
    "div",
    { class: "swipe", style: "--at:50%" },
    h("img", { src: pair.before, alt: pair.beforeLabel, draggable: "false" }),
    h("img", { src: pair.after, alt: pair.afterLabel, class: "over", draggable: "false" }),
    h("span", { class: "swipe-label" }, pair.beforeLabel),
    h("span", { class: "swipe-label right" }, pair.afterLabel),
    h("i", { class: "swipe-bar", "aria-hidden": "true" }),
  );
  // A range input gives the keyboard, touch and screen readers what they need for nothing.
  const slider = h("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": pair.hint,
    title: pair.hint,
    oninput: () => box.style.setProperty("--at", `${slider.value}%`),
  });
  box.append(slider);
  return box;
}
