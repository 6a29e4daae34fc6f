import type { LoopbackAnswer } from "../../host/host.ts";

/** The page that a person's browser ends on. */
export interface RedirectPage {
  readonly status: number;
  readonly tone: "good" | "bad";
  readonly title: string;
  /** Text of any origin: it is escaped here. */
  readonly text: string;
}

/** One page, whole in itself: nothing is loaded, run, kept or told to anybody. */
export function redirectPage({ status, tone, title, text }: RedirectPage): LoopbackAnswer {
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)} - sts-broker</title>
<style>
:root { color-scheme: light dark; --back: #f4f5f7; --card: #fff; --text: #1d2430; --soft: #5b6574; --line: #dfe3e8; --mark: ${tone === "good" ? "#1a7f4b" : "#b3372c"}; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171c; --card: #1d2229; --text: #e8ebf0; --soft: #9aa5b4; --line: #303741; --mark: ${tone === "good" ? "#4cc38a" : "#f2796b"}; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { box-sizing: border-box; width: min(30rem, 100vw - 2rem); margin: 1rem; padding: 2.25rem 2.25rem 1.75rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; }
.mark { display: grid; place-items: center; width: 2.75rem; height: 2.75rem; border-radius: 50%; border: 2px solid var(--mark);
  color: var(--mark); font-size: 1.4rem; font-weight: 600; }
h1 { margin: 1.1rem 0 .4rem; font-size: 1.35rem; line-height: 1.3; }
p { margin: 0 0 .6rem; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
footer { margin-top: 1.4rem; padding-top: .9rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; }
</style>
</head>
<body>
<main>
<div class="mark" aria-hidden="true">${tone === "good" ? "&#10003;" : "!"}</div>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
<p class="soft">You may close this tab; the terminal says how it goes on.</p>
<footer>sts-broker</footer>
</main>
</body>
</html>
`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? "");
}
