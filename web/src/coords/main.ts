/** Opens the coordinate page: what is pasted or dropped goes to the server and comes back as rows. */

import "../styles.css";
import "./coords.css";

import { config as fetchConfig, Failure } from "../api";
import type { Config } from "../contract";
import { h } from "../dom";
import { lang, setLang, type Lang } from "../i18n";
import { failedLine } from "../panels/notices";
import { convert, frames, type Asked, type Choice } from "./contract";
import { Form } from "./form";
import { Results } from "./results";
import { t } from "./texts";

/** For tests and for the console: documented in docs/coords.md. */
interface Hook {
  asked: () => Asked;
  /** Resolves when nothing is under way and the map, if there is one, is drawn. */
  idle: () => Promise<void>;
}

declare global {
  interface Window {
    coords?: Hook;
  }
}

async function open(): Promise<void> {
  const app = document.getElementById("app");
  if (!app) throw new Error("the page has no #app");
  setLang(said().get("lang") === "en" ? "en" : "zh");
  try {
    const choices = await frames();
    // Without the city's layers there is no map; coordinates are converted all the same.
    const city = await fetchConfig().catch(() => null);
    start(app, choices, city);
  } catch (error) {
    app.replaceChildren(h("div", { class: "starting" }, failedLine(error, () => location.reload())));
  }
}

function start(app: HTMLElement, choices: Choice[], city: Config | null): void {
  let running: AbortController | null = null;
  let under: Promise<void> = Promise.resolve();

  const results = new Results(city, choices, {
    use: ({ frame, order }) => form.use({ from: frame, order: order === "north_first" ? "north" : "east" }),
    retry: () => form.convert(),
  });
  const form = new Form(city, choices, fromHash(), {
    convert: (asked, body) => void (under = run(asked, body)),
    cleared: () => {
      running?.abort();
      results.clear();
    },
    tooLarge: () => results.failed(new Failure(413, { zh: t("too_large"), en: t("too_large") })),
    changed: () => keep(form.asked),
  });

  async function run(asked: Asked, body: string | Blob): Promise<void> {
    running?.abort();
    const mine = (running = new AbortController());
    results.busy();
    try {
      const answer = await convert(asked, body, mine.signal);
      if (!mine.signal.aborted) results.show(answer);
    } catch (error) {
      if (!mine.signal.aborted) results.failed(error);
    }
  }

  const head = h("header", { class: "top" });
  const renderHead = (): void => {
    document.title = `${t("title")} · One Map`;
    const buttons = ([["zh", "中"], ["en", "EN"]] as [Lang, string][]).map(([one, name]) =>
      h("button", { id: `lang-${one}`, "aria-pressed": one === lang() ? "true" : "false", onclick: () => speak(one) }, name),
    );
    head.replaceChildren(
      h("h1", {}, t("title")),
      h("span", { class: "grow" }),
      h("a", { class: "action", href: `/map${lang() === "en" ? "#lang=en" : ""}` }, t("map_link")),
      h("div", { class: "segmented", role: "group", "aria-label": t("language") }, ...buttons),
    );
  };

  function speak(one: Lang): void {
    setLang(one);
    renderHead();
    form.render();
    results.render();
    keep(form.asked);
    document.getElementById(`lang-${one}`)?.focus();
  }

  renderHead();
  app.replaceChildren(head, h("main", { class: "coords-main" }, form.element, results.element));
  window.coords = {
    asked: () => form.asked,
    idle: async () => {
      await under;
      await results.idle();
    },
  };
}

const said = (): URLSearchParams => new URLSearchParams(location.hash.replace(/^#/, ""));

function fromHash(): Partial<Asked> {
  const words = said();
  const found: Partial<Asked> = {};
  for (const name of ["from", "to"] as const) {
    const value = words.get(name);
    if (value) found[name] = value;
  }
  return found;
}

/** The address holds the frames and the language, never the coordinates. */
function keep({ from, to }: Asked): void {
  const words = new URLSearchParams({ from, to });
  if (lang() === "en") words.set("lang", "en");
  history.replaceState(null, "", `#${words}`);
}

void open();
