import { text } from "./i18n";
import type { Notices } from "./panels/notices";

/** Copy a text and say that it was done, or that the browser would not. */
export async function copy(what: string, notices: Notices): Promise<void> {
  try {
    await navigator.clipboard.writeText(what);
    notices.brief(text("copied"));
  } catch {
    notices.brief(text("copy_failed"));
  }
}
