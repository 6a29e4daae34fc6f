import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSoap } from "../../../src/identity/lib/soap.ts";
import { cutOut, readXml, type XmlElement, XmlRefused, xmlText } from "../../../src/identity/lib/xml-source.ts";
import { startCpuClock } from "../../support/cpu-clock.ts";
import { answerOf } from "../../support/saml-world.ts";

describe("XML with the place of every element", () => {
  it("knows where each element starts and ends, and what it says", () => {
    const source =
      '<?xml version="1.0"?>\n<a xmlns="urn:d" xmlns:p="urn:p"><!-- > --><p:b x="1 &amp; 2" p:y=\'"\'>t<![CDATA[<&>]]>u</p:b></a>\n';
    const [b] = readXml(source).children;
    expect(b).toMatchObject({ name: "b", namespace: "urn:p", text: "t<&>u", attributes: { x: "1 & 2", "p:y": '"' } });
    expect(source.slice(b?.start, b?.end)).toBe('<p:b x="1 &amp; 2" p:y=\'"\'>t<![CDATA[<&>]]>u</p:b>');
  });

  it("does not let a comment shorten a text", () => {
    expect(readXml("<a>admin@corp<!-- x -->.evil.example</a>").text).toBe("admin@corp.evil.example");
  });

  it("carries over what is inherited, escaped, and not what the element declares itself", () => {
    const source = '<a xmlns="urn:d" xmlns:p="urn:&quot;&amp;p" xmlns:q="urn:q"><b xmlns:q="urn:other"/></a>';
    const [b] = readXml(source).children;
    expect(cutOut(source, b as XmlElement, "nothing")).toBe(
      '<b xmlns="urn:d" xmlns:p="urn:&quot;&amp;p" xmlns:q="urn:other"/>',
    );
    const plain = "<a><b/></a>";
    const [c] = readXml(plain).children;
    expect(cutOut(plain, c as XmlElement, "nothing")).toBe("<b/>");
    expect(cutOut(plain, c as XmlElement, "a default namespace")).toBe('<b xmlns=""/>');
  });

  it.each([
    ["a DOCTYPE", "<!DOCTYPE a><a/>"],
    ["a DOCTYPE in lower case", "<!doctype a><a/>"],
    ["an unknown entity", "<a>&x;</a>"],
    ["a reference to NUL", "<a>&#0;</a>"],
    ["a reference to half a surrogate", "<a>&#xD800;</a>"],
    ["a bare ampersand", "<a>a & b</a>"],
    ["a control character", "<a>\u0001</a>"],
    ["a processing instruction", "<a><?php x ?></a>"],
    ["two roots", "<a/><b/>"],
    ["text outside", "x<a/>"],
    ["an end tag too many", "<a/></a>"],
    ["crossed tags", "<a><b></a></b>"],
    ["a prefix that nobody declares", "<p:a/>"],
    ["a prefix that is taken back", '<a xmlns:p="urn:p"><b xmlns:p=""/></a>'],
    ["the same attribute twice", '<a x="1" x="2"/>'],
    ["< in an attribute", '<a x="<"/>'],
    ["-- in a comment", "<a><!-- a -- b --></a>"],
    ["another encoding", '<?xml version="1.0" encoding="utf-7"?><a/>'],
    ["too many levels", `${"<a>".repeat(65)}${"</a>".repeat(65)}`],
    ["too many elements", `<a>${"<b/>".repeat(20_001)}</a>`],
    ["xmlns bound to a prefix", '<a xmlns:p="http://www.w3.org/2000/xmlns/"/>'],
    ["nothing", ""],
    ["blanks that are not XML's", '<a\u3000x="1"/>'],
    ["an end tag with such a blank", "<a></a\u2003>"],
    ["too many attributes", `<a ${Array.from({ length: 65 }, (_, at) => `a${at}="1"`).join(" ")}/>`],
    [
      "too many namespaces in scope",
      `${Array.from({ length: 5 }, (_, level) => `<a ${Array.from({ length: 60 }, (_, at) => `xmlns:p${level}-${at}="u"`).join(" ")}>`).join("")}${"</a>".repeat(5)}`,
    ],
  ])("refuses %s", (_, source) => {
    expect(() => readXml(source)).toThrow(XmlRefused);
  });

  it.each([
    ["blanks that look like letters of a name", `<a ${"\u3000".repeat(100_000)}`],
    [
      "as many namespaces as may be, in as many elements",
      `${Array.from({ length: 4 }, (_, level) => `<a ${Array.from({ length: 60 }, (_, at) => `xmlns:p${level}-${at}="u"`).join(" ")}>`).join("")}${'<b xmlns:q="u"/>'.repeat(19_000)}${"</a>".repeat(4)}`,
    ],
    [
      "namespaces and elements without end",
      `<a ${Array.from({ length: 20_000 }, (_, at) => `xmlns:p${at}="u"`).join(" ")}>${"<b/>".repeat(19_000)}</a>`,
    ],
  ])("does not take long over %s", (_, source) => {
    const computedMs = startCpuClock();
    try {
      readXml(source);
    } catch (error) {
      expect(error).toBeInstanceOf(XmlRefused);
    }
    expect(computedMs()).toBeLessThan(5_000);
  });

  it("is unmoved by names that JavaScript knows", () => {
    const root = readXml('<a xmlns:__proto__="urn:p" constructor="x"><__proto__:b/></a>');
    expect(root.children[0]).toMatchObject({ name: "b", namespace: "urn:p" });
    expect(root.attributes.constructor).toBe("x");
    expect(() => readXml("<toString:a/>")).toThrow(XmlRefused);
  });

  it("ends with an element or a refusal, whatever it is given, and soon", () => {
    const pieces = [
      "<a>",
      "</a>",
      "<a",
      ' xmlns:p="u"',
      "<p:b/>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "&amp;",
      "&#x41;",
      "&",
      "<",
      ">",
      '"',
      "'",
      " ",
      "x",
      "<?xml",
      "?>",
      "<!DOCTYPE",
      "\u0000",
      "é",
      "=",
    ];
    const arbitrary = fc.oneof(
      fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary", maxLength: 200 }),
    );
    const computedMs = startCpuClock();
    fc.assert(
      fc.property(arbitrary, (source) => {
        try {
          const root = readXml(source);
          expect(source.slice(root.start, root.end)).toMatch(/^<[\s\S]*>$/);
        } catch (error) {
          expect(error).toBeInstanceOf(XmlRefused);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(computedMs()).toBeLessThan(15_000);
  });

  it.each([
    ["unclosed tags", "<a ".repeat(200_000)],
    ["blanks in a tag", `<a${" ".repeat(500_000)}`],
    ["attributes without end", `<a${' x="1"'.repeat(80_000)}`],
    ["a comment without end", `<a><!--${"-x".repeat(250_000)}`],
    ["ampersands", `<a>${"&".repeat(500_000)}</a>`],
    ["CDATA", `<a>${"<![CDATA[]".repeat(50_000)}</a>`],
  ])("is not slowed down by half a megabyte of %s", (_, source) => {
    const computedMs = startCpuClock();
    expect(() => readXml(source)).toThrow(XmlRefused);
    expect(computedMs()).toBeLessThan(2_000);
  });

  it("takes UTF-8 and nothing else", () => {
    expect(xmlText(new TextEncoder().encode("\uFEFF<ä/>"))).toBe("<ä/>");
    expect(() => xmlText(new Uint8Array([0xff, 0xfe, 0x3c, 0x00]))).toThrow(XmlRefused);
  });
});

describe("SOAP faults", () => {
  it("of 1.1 and 1.2 are read the same, innermost code first", () => {
    const eleven =
      '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>e:Client</faultcode><faultstring>no\u0085way</faultstring></e:Fault></e:Body></e:Envelope>';
    expect(readSoap(answerOf(eleven), "idp")?.fault).toEqual({ code: "Client", reason: "no way" });
    const twelve =
      '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>a:X</e:Value><e:Subcode><e:Value>b:Y</e:Value></e:Subcode></e:Subcode></e:Code><e:Reason><e:Text xml:lang="en">why</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>';
    expect(readSoap(answerOf(twelve), "idp")?.fault).toEqual({ code: "Y", reason: "why" });
  });

  it("are empty where a server leaves out what it must say", () => {
    const bare =
      '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault/></e:Body></e:Envelope>';
    expect(readSoap(answerOf(bare), "idp")?.fault).toEqual({ code: "", reason: "" });
  });
});
