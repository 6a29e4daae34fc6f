import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { type HtmlPage, HtmlRefused, readHtml, resolveLink } from "../../src/identity/lib/forms.ts";
import { encodeForm, htmlText } from "../../src/identity/lib/html-encoding.ts";
import { asksForNewPassword, loginForm, refusalOf, secondFactor } from "../../src/identity/lib/login-page.ts";
import { startCpuClock } from "../support/cpu-clock.ts";
import { adfsLogin, keycloakLogin, lemonldapLogin, shibbolethLogin, simplesamlLogin } from "../support/idp-pages.ts";

const fieldsOf = (html: string): (readonly [string, string])[][] =>
  readHtml(html).forms.map(({ fields }) => fields.map(({ name, value }) => [name, value] as const));

describe("what a form submits", () => {
  test("names in any case, entities and raw ampersands", () => {
    expect(
      fieldsOf(`<FORM><INPUT TYPE=Hidden NAME="A" VALUE="1&amp;2&3&quot;"/><input name='B' value=&#65;></FORM>`),
    ).toEqual([
      [
        ["A", '1&2&3"'],
        ["B", "A"],
      ],
    ]);
  });

  test("boxes only when ticked, the chosen option, the text of an area, no disabled fields and no buttons", () => {
    const html = `<form><input type=checkbox name=c1><input type=checkbox name=c2 checked><input type=radio name=r value=1><input type=radio name=r value=2 checked>
      <select name=s><option value=1>a<option value=2 selected>b</select><select name=t><option>first</option><option>x</option></select>
      <textarea name=a>\n<input name=no>&lt;</textarea><input name=d disabled value=1><input type=submit name=go value=1><button name=b>x</button><input type=file name=f></form>`;
    expect(fieldsOf(html)).toEqual([
      [
        ["c2", "on"],
        ["r", "2"],
        ["s", "2"],
        ["t", "first"],
        ["a", "<input name=no><"],
      ],
    ]);
    expect(readHtml(html).forms[0]?.buttons.map(({ name }) => name)).toEqual(["go", "b"]);
  });

  test("fields belong to the form that is open, however the tags are nested, or to the one they name", () => {
    const html = `<table><form id=f><tr><td><input name=in></table></div><input name=still><form id=nested><input name=mine></form><input name=out><input form=f name=far><input form=none name=lost>`;
    expect(fieldsOf(html)).toEqual([
      [
        ["in", ""],
        ["still", ""],
        ["mine", ""],
        ["far", ""],
      ],
    ]);
  });

  test("what stands in scripts, styles, comments and frames is no form", () => {
    const html = `<!-- <form><input name=a></form> --><script>var x = "<form><input name=b></form>"</script><style><form></style>
      <iframe><form></iframe><noscript><form><input name=c></form></noscript><title><form></title>`;
    expect(fieldsOf(html)).toEqual([[["c", ""]]]);
  });
});

describe("where a form goes", () => {
  const at = new URL("https://idp.corp.example/a/b?x=1#frag");
  test.each([
    ["", "https://idp.corp.example/a/b?x=1"],
    ["?", "https://idp.corp.example/a/b?"],
    ["#", "https://idp.corp.example/a/b?x=1"],
    ["?y=2", "https://idp.corp.example/a/b?y=2"],
    ["c", "https://idp.corp.example/a/c"],
    ["/c", "https://idp.corp.example/c"],
    [" \n/c ", "https://idp.corp.example/c"],
    ["https://other.example/c#x", "https://other.example/c"],
  ])('"%s"', (action, expected) => {
    expect(resolveLink(action, readHtml(""), at)?.href.replace(/#$/, "")).toBe(expected);
  });

  test("a base is obeyed within the page's origin only", () => {
    expect(resolveLink("c", readHtml(`<base href="/z/">`), at)?.href).toBe("https://idp.corp.example/z/c");
    expect(resolveLink("c", readHtml(`<base href="https://evil.example/z/">`), at)?.href).toBe(
      "https://idp.corp.example/a/c",
    );
    expect(resolveLink("", readHtml(`<base href="/z/">`), at)?.href).toBe("https://idp.corp.example/a/b?x=1");
  });

  test("what is no URL is none", () => {
    expect(resolveLink("https://[", readHtml(""), at)).toBeUndefined();
  });
});

describe("which fields are the name and the password", () => {
  test.each([
    ["AD FS", adfsLogin({ hidden: {}, action: "/" }), "UserName", "Password"],
    ["Keycloak", keycloakLogin({ hidden: {}, action: "/" }), "username", "password"],
    ["SimpleSAMLphp", simplesamlLogin({ hidden: {}, action: "/" }), "username", "password"],
    ["LemonLDAP::NG", lemonldapLogin({ hidden: {}, action: "/" }), "user", "password"],
    [
      "LemonLDAP::NG that hides the field by script",
      lemonldapLogin({ hidden: {}, action: "/" }).replace('type="password"', 'type="text"'),
      "user",
      "password",
    ],
    ["Shibboleth", shibbolethLogin({ hidden: {}, action: "/" }), "j_username", "j_password"],
    [
      "names that nobody knows",
      "<form><input name=q><input name=kto><input type=password name=slowo></form>",
      "kto",
      "slowo",
    ],
    [
      "a search form first",
      "<form><input name=q></form><form><input name=login><input type=password name=pw></form>",
      "login",
      "pw",
    ],
  ])("%s", (_name, html, username, password) => {
    const found = loginForm(readHtml(html));
    expect([found?.username?.name, found?.password?.name]).toEqual([username, password]);
    expect(secondFactor(readHtml(html))).toBeUndefined();
  });

  test("a change of password is not a login", () => {
    const page = readHtml(
      "<form><input type=password name=old><input type=password name=new><input type=password name=again></form>",
    );
    expect(loginForm(page)).toBeUndefined();
    expect(asksForNewPassword(page)).toBe(true);
  });

  test("texts of fields that a script knows are no message", () => {
    expect(refusalOf(readHtml(adfsLogin({ hidden: {}, action: "/" })), undefined)).toEqual({
      reason: "unknown",
      said: undefined,
    });
  });
});

describe("charsets", () => {
  test.each([
    ["text/html; charset=ISO-8859-1", "windows-1252"],
    ['text/html;charset="utf-8"', "utf-8"],
    ["text/html; charset=nonsense", "utf-8"],
    [undefined, "utf-8"],
  ])("%s", (type, charset) => {
    expect(htmlText(new Uint8Array([65]), type)).toEqual({ text: "A", charset });
  });

  test("a form is encoded as every browser does", () => {
    const fields = [["a b", "ä+&=~*-._\r\n"]] as const;
    expect(encodeForm(fields, "utf-8")).toBe(new URLSearchParams([["a b", "ä+&=~*-._\r\n"]]).toString());
    expect(encodeForm(fields, "windows-1252")).toBe("a+b=%E4%2B%26%3D%7E*-._%0D%0A");
    expect(encodeForm([["a", "€"]], "windows-1252")).toBe("a=%E2%82%AC");
  });
});

describe("any input", () => {
  const judgeAll = (html: string): HtmlPage | undefined => {
    try {
      const page = readHtml(html);
      loginForm(page);
      secondFactor(page);
      asksForNewPassword(page);
      refusalOf(page, new Secret("secret"));
      for (const { action } of page.forms) resolveLink(action, page, new URL("https://idp.corp.example/"));
      return page;
    } catch (error) {
      if (error instanceof HtmlRefused) return undefined;
      throw error;
    }
  };

  test("is read or refused", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ..."<form>|</form>|<form action='|<input name=a value='|<input type=password name=p>|<select name=s>|<option selected>|</select>|<textarea name=t>|</textarea>|<script>|</script>|<!--|-->|<![CDATA[|]]>|<svg>|<math>|<title>|<plaintext>|<base href=//x>|<meta http-equiv=refresh content='0;url=|<div class=error>|</div>|<iframe>|&amp|&#x0;|&#1114112;|\0|\u001b[2J|\u202e|\ud800|<a b=|\"|'|>|<noscript>|<template>|<table>|<frameset>|document.forms[0].submit()".split(
          "|",
        ),
      ),
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => void judgeAll(pieces.join(""))),
      { numRuns: 2000 },
    );
  });

  test("bytes in any charset are read", () => {
    const charset = fc.constantFrom(
      "utf-8",
      "utf-16le",
      "utf-16be",
      "shift_jis",
      "iso-2022-jp",
      "gb18030",
      "utf-7",
      "x-user-defined",
      "\u0000",
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), charset, (bytes, name) => {
        judgeAll(htmlText(bytes, `text/html; charset=${name}`).text);
      }),
      { numRuns: 1000 },
    );
  });

  test("what a page says of a field comes back as it was written", () => {
    const written = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !/[\0\r]/.test(text));
    fc.assert(
      fc.property(written, (value) => {
        const quoted = value.replace(/&/g, "&amp;").replace(/"/g, "&quot;");
        expect(fieldsOf(`<form><input name=a value="${quoted}"></form>`)).toEqual([[["a", value]]]);
      }),
    );
  });

  test.each([
    ["a million opened elements", "<b>".repeat(300_000)],
    ["elements with attributes of their own", Array.from({ length: 60_000 }, (_, at) => `<b id=${at}>`).join("")],
    ["nested tables", "<table><tr><td>".repeat(60_000)],
    ["a tag that does not end", `<form ${"a=1 ".repeat(250_000)}`],
    ["attributes of one tag", `<p ${Array.from({ length: 150_000 }, (_, at) => `a${at}`).join(" ")}>`],
    ["one attribute", `<input name="${"a".repeat(1_000_000)}">`],
    ["entities", "&amp".repeat(250_000)],
    ["a comment that does not end", `<!--${"-".repeat(1_000_000)}`],
    ["comments", "<!---->".repeat(140_000)],
    ["less-than signs", "<".repeat(1_000_000)],
    ["messages in messages", '<div class="error">'.repeat(50_000)],
    ["blanks in a refresh", `<meta http-equiv=refresh content="0${" ".repeat(900_000)}">`],
    ["blanks", `<div class=error>${" \n".repeat(500_000)}</div>`],
    ["words", `<div class=error>${"password user ".repeat(70_000)}</div>`],
    ["scripts", "<script>.submit(".repeat(60_000)],
  ])("a megabyte of %s takes no time", (_name, html) => {
    const computedMs = startCpuClock();
    judgeAll(html);
    expect(computedMs()).toBeLessThan(2_000);
  });
});
