/** threats.md: XXE, entity bombs, huge or deep XML; no file or network access from a parser. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attributeOf, childrenOf, parseXml, withDescendants } from "../../src/assertion/xml.ts";
import { XML_LIMITS, XmlRefusal } from "../../src/assertion/xml-scan.ts";
import { startCpuClock } from "../support/cpu-clock.ts";

async function refusal(xml: string): Promise<string> {
  try {
    await parseXml(xml);
  } catch (error) {
    if (error instanceof XmlRefusal) return error.message;
    throw error;
  }
  return "taken";
}

describe("the XML reader", () => {
  it("resolves namespaces, by prefix and by default", async () => {
    const root = await parseXml(
      `<?xml version="1.0" encoding="UTF-8"?>\n<a:x xmlns:a="urn:a" xmlns="urn:d" k="&lt;&#65;&#x42;&amp;"><y>t<![CDATA[<&]]>u</y><z xmlns="" a:k="1"/></a:x>\n`,
    );
    expect([root.namespace, root.name, attributeOf(root, "k")]).toEqual(["urn:a", "x", "<AB&"]);
    expect(childrenOf(root, "urn:d", "y")[0]?.text).toBe("t<&u");
    const [z] = childrenOf(root, "", "z");
    expect(z?.attributes).toEqual([{ name: "k", namespace: "urn:a", value: "1" }]);
    expect(attributeOf(z, "k")).toBeUndefined();
    expect([...withDescendants(root)].map(({ name }) => name)).toEqual(["x", "y", "z"]);
  });

  const bomb = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, i) => `<!ENTITY lol${i + 1} "${`&lol${i || ""};`.repeat(10)}">`).join("")}]><lolz>&lol9;</lolz>`;
  it.each([
    ["a DOCTYPE", "<!DOCTYPE a><a/>", "DOCTYPE"],
    ["a DOCTYPE in lower case", "<!doctype a><a/>", "DOCTYPE"],
    ["an outside entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"],
    ["a billion laughs", bomb, "DOCTYPE"],
    ["a DOCTYPE behind a comment", "<!-- --><!DOCTYPE a><a/>", "DOCTYPE"],
    ["an entity declaration", '<a><!ENTITY x "y"></a>', "entity declaration"],
    ["an entity that is not XML's", "<a>&nbsp;</a>", "&"],
    ["a bare &", "<a>a & b</a>", "&"],
    ["a reference to NUL", "<a>&#0;</a>", "characters"],
    ["a reference to half a surrogate pair", "<a>&#xD800;</a>", "characters"],
    ["a reference that is no number", "<a>&#X41;</a>", "&"],
    ["a control character", "<a>\u0001</a>", "characters"],
    ["ESC in an attribute", '<a b="&#27;[2J"/>', "characters"],
    ["a comment in a text", "<a>admin<!-- -->.evil</a>", "comment injection"],
    ["a comment at the start of a text", "<a><!-- -->x</a>", "comment injection"],
    ["a processing instruction", "<a><?php x?></a>", "processing instruction"],
    ["a stylesheet", '<?xml-stylesheet href="http://x/"?><a/>', "processing instruction"],
    ["an encoding other than UTF-8", '<?xml version="1.0" encoding="UTF-7"?><a/>', "encoding"],
    ["XML 1.1", '<?xml version="1.1"?><a/>', "XML 1.0"],
    ["two roots", "<a/><b/>", "more than one root"],
    ["text after the root", "<a/>x", "outside its root"],
    ["CDATA after the root", "<a/><![CDATA[x]]>", "outside its root"],
    ["tags that cross", "<a><b></a></b>", "end tag"],
    ["tags that differ in case", "<a></A>", "end tag"],
    ["an end tag with more in it", "<a></a x>", "end tag"],
    ["no end", "<a><b>", "ends in the middle"],
    ["half a tag", '<a b="', "ends in the middle"],
    ["a value without quotes", "<a b=c/>", "without quotes"],
    ["an attribute without a value", "<a b/>", "without a value"],
    ["attributes without a space", '<a b="1"c="2"/>', "cannot be read"],
    ["one attribute twice", '<a b="1" b="2"/>', "same attribute twice"],
    ["one attribute twice by two prefixes", '<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>', "same attribute twice"],
    ["a < in a value", '<a b="<"/>', "< in an attribute value"],
    ["a prefix that nobody declared", "<p:a/>", "not declared"],
    ["an attribute's prefix that nobody declared", '<a p:b="1"/>', "not declared"],
    ["a new meaning for xml:", '<a xmlns:xml="urn:x"/>', "reserved"],
    ["]]> in a text", "<a>]]></a>", "]]>"],
    ["a comment with -- in it", "<a><!-- -- --></a>", "comment"],
    ["nothing", "", "no element"],
    ["text", "hello", "outside its root"],
    ["XHTML, which the parser reads in its own way", '<a xmlns="http://www.w3.org/1999/xhtml"><b/></a>', "XHTML"],
    ["XHTML by another spelling", '<s:script xmlns:s="&#104;ttp://www.w3.org/1999/xhtml">x</s:script >', "XHTML"],
    ["tags in XHTML's script", '<a xmlns="http://www.w3.org/1999/xhtml"><script><b/></script></a>', "XHTML"],
  ])("refuses %s", async (_, xml, said) => {
    expect(await refusal(xml)).toContain(said);
  });

  it.each([
    ["deep", "<a>".repeat(60) + "</a>".repeat(60), "levels deep"],
    ["endlessly deep", "<a>".repeat(80_000), "levels deep"],
    ["wide", `<a>${"<b/>".repeat(30_000)}</a>`, "elements"],
    ["rich in attributes", `<a ${Array.from({ length: 20_000 }, (_, i) => `a${i}=""`).join(" ")}/>`, "attributes"],
    [
      "rich in namespaces",
      `<a ${Array.from({ length: 10_000 }, (_, i) => `xmlns:a${i}="u"`).join(" ")}/>`,
      "attributes",
    ],
    ["large", `<a>${"x".repeat(XML_LIMITS.characters)}</a>`, "larger than"],
    ["full of &", `<a>${"&".repeat(200_000)}</a>`, "&"],
    ["full of <", "<".repeat(200_000), "<"],
    ["full of blanks", `<a${" ".repeat(200_000)}`, "cannot be read"],
    ["full of open comments", "<!--".repeat(60_000), "comment"],
  ])("refuses what is %s at once", async (_, xml, said) => {
    const computedMs = startCpuClock();
    expect(await refusal(xml)).toContain(said);
    expect(computedMs()).toBeLessThan(500);
  });

  it("reads what is as large and as deep as it may be in a moment", async () => {
    const depth = XML_LIMITS.depth - 1;
    const open = Array.from({ length: depth }, (_, i) => `<a xmlns:n${i}="urn:${i}">`).join("");
    const xml = `<r>${`${open}${"</a>".repeat(depth)}`.repeat(100)}</r>`;
    const computedMs = startCpuClock();
    expect(await refusal(xml)).toBe("taken");
    expect(computedMs()).toBeLessThan(2_000);
  });

  it("never crashes, hangs or quotes, whatever it is given", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "<a>",
        "</a>",
        "<a/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x?>",
        "<!DOCTYPE",
        "&amp;",
        "&#0;",
        "&",
        "<",
        ">",
        '"',
        "'",
        "=",
        " ",
        "xmlns:p='u'",
        "p:",
        "\ud800",
        "\u0000",
        "\u2028",
        "secret",
      ),
      fc.string({ maxLength: 6 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const message = await refusal(pieces.join(""));
        expect(message).not.toContain("secret");
        expect(message).not.toMatch(/[\u0000-\u001f]/);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives back what was written, whatever the text", async () => {
    const escaped = (text: string): string =>
      text.replace(/[&<>"\t\n]/g, (character) => `&#${character.charCodeAt(0)};`);
    const text = fc
      .string({ unit: "grapheme" })
      .filter((one) => !/[\u0000-\u0008\u000b-\u001f\ufffe\uffff\u0085\u2028]|\p{Cs}/u.test(one));
    await fc.assert(
      fc.asyncProperty(text, text, async (value, content) => {
        const root = await parseXml(`<a b="${escaped(value)}">${escaped(content)}</a>`);
        expect([attributeOf(root, "b"), root.text]).toEqual([value, content]);
      }),
      { numRuns: 500 },
    );
  });
});
