import type { Secret } from "../../core/secret.ts";

/** Whether a text off a page holds a secret that was typed into one, blanks folded as the page's own are. */
export function repeats(text: string, secret: Secret | undefined): boolean {
  const typed = folded(secret?.reveal() ?? "");
  return typed !== "" && folded(text).includes(typed);
}

function folded(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
