import { describe, expect, it } from "vitest";
import { document } from "./documents.ts";

/** As GitHub makes them of headings. */
function anchors(text: string): Set<string> {
  const outside = text.replace(/^```[\s\S]*?^```$/gm, "");
  const headings = [...outside.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((one) =>
      one
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

describe("README.md", () => {
  const readme = document("README.md");
  const links = [...new Set([...readme.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = ""]) => anchor))];

  it("has links into itself", () => expect(links.length).toBeGreaterThan(5));

  it.each(links)("has the section that a link leads to: #%s", (anchor) => {
    expect(anchors(readme)).toContain(anchor);
  });
});
