import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { samlCommand } from "../../src/identity/saml-command.ts";
import { samlFile } from "../../src/identity/saml-file.ts";
import { failure, type PagesHost, pagesHost, prove } from "../support/idp-pages-host.ts";
import { type PageServer, startPageServer } from "../support/idp-pages-server.ts";

const XML = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">canary ä ?>~</samlp:Response>`;
const BASE64 = Buffer.from(XML).toString("base64");
const METADATA = `<EntityDescriptor entityID="urn:x"/>`;

let folder: string;
let host: PagesHost;
let server: PageServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sts-broker-saml-file-"));
  host = pagesHost({ HOME: folder, CREDENTIALS_DIRECTORY: folder, PATH: "/usr/bin:/bin" });
  server = await startPageServer();
});
afterEach(async () => {
  host.close();
  await server.close();
  rmSync(folder, { recursive: true });
  expect(host.lines.join("\n")).not.toContain("canary");
});

const put = (content: string | Uint8Array, name = "response"): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
const reveal = async (proof: ReturnType<typeof prove>): Promise<string> => {
  const found = await proof;
  return found.kind === "saml" ? found.response.reveal() : "";
};

describe("saml-file", () => {
  test.each([
    ["base64", BASE64],
    ["base64 in lines", `${BASE64.replace(/(.{20})/g, "$1\r\n")}\n`],
    ["base64url without padding", BASE64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")],
    ["a form's value", `SAMLResponse=${encodeURIComponent(BASE64)}`],
    ["XML", `\n${XML}\n`],
    ["XML with a byte order mark", `\uFEFF${XML}`],
  ])("takes %s", async (_name, content) => {
    expect(await reveal(prove(samlFile, { path: put(content) }, host))).toBe(BASE64);
  });

  test.each([
    ["nothing", " \n", "is empty"],
    ["words", "not a response!", "is neither base64 nor XML"],
    ["a token", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "is neither base64 nor XML"],
    ["base64 of something else", Buffer.from("canary").toString("base64"), "is base64 of something that is not XML"],
  ])("refuses %s without quoting it", async (_name, content, expected) => {
    const file = put(content);
    const said = await failure(prove(samlFile, { path: file }, host));
    expect(said.code).toBe("ASSERTION_UNUSABLE");
    expect(said.message).toBe(`the SAML response in ${file} ${expected}`);
  });

  test.each(["$CREDENTIALS_DIRECTORY/response", "$" + "{CREDENTIALS_DIRECTORY}/response", "~/response"])(
    "finds %s",
    async (path) => {
      put(BASE64);
      expect(await reveal(prove(samlFile, { path }, host))).toBe(BASE64);
    },
  );

  test("a relative path is refused, a missing file and a huge one are named", async () => {
    expect(() => samlFile.parse({ path: "response" })).toThrow("must be absolute");
    expect(await failure(prove(samlFile, { path: join(folder, "none") }, host))).toMatchObject({
      code: "SECRET_UNAVAILABLE",
    });
    const huge = await failure(prove(samlFile, { path: put("A".repeat(600_000)) }, host));
    expect(huge.message).toContain("cannot be read (EFBIG)");
  });
});

describe("metadata", () => {
  test("is handed on where it is configured, and not where the check is off", async () => {
    const path = put(BASE64);
    const metadata = put(METADATA, "idp.xml");
    expect(await prove(samlFile, { path, metadata }, host)).toMatchObject({ metadata: METADATA });
    expect(await prove(samlFile, { path, metadata, verify: false }, host)).not.toHaveProperty("metadata");
    expect(await prove(samlFile, { path }, host)).not.toHaveProperty("metadata");
    server.on("GET /idp.xml", { headers: { "content-type": "application/xml" }, body: METADATA });
    expect(await prove(samlFile, { path, metadata: `${server.url}/idp.xml` }, host)).toMatchObject({
      metadata: METADATA,
    });
  });

  test.each([
    [404, {}, "IDP_INVALID_ANSWER", "(HTTP 404)"],
    [500, {}, "UNREACHABLE", "(HTTP 500)"],
    [
      302,
      { location: "https://evil.example/m" },
      "IDP_INVALID_ANSWER",
      "to https://evil.example/m, which is not followed",
    ],
  ] as const)("at a URL that answers %i", async (status, headers, code, expected) => {
    server.on("GET /idp.xml", { status, headers });
    const said = await failure(prove(samlFile, { path: put(BASE64), metadata: `${server.url}/idp.xml` }, host));
    expect(said.code).toBe(code);
    expect(said.message).toContain(expected);
  });

  test.each([
    ["a DOCTYPE", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${METADATA}`, "holds a DOCTYPE"],
    ["a megabyte", `${METADATA}${" ".repeat(1024 * 1024)}`, "cannot be read (EFBIG)"],
  ])("with %s is refused", async (_name, xml, expected) => {
    const said = await failure(prove(samlFile, { path: put(BASE64), metadata: put(xml, "idp.xml") }, host));
    expect(said).toMatchObject({ code: "CONFIG_INVALID" });
    expect(said.message).toContain(expected);
  });

  test("that is not there is named", async () => {
    const said = await failure(prove(samlFile, { path: put(BASE64), metadata: join(folder, "none.xml") }, host));
    expect(said.message).toBe(`metadata ${folder}/none.xml does not exist`);
  });
});

describe("saml-command", () => {
  test("takes what the program prints", async () => {
    const path = put(`${BASE64}\n`);
    expect(await prove(samlCommand, { command: ["cat", path] }, host)).toMatchObject({
      kind: "saml",
      name: "the SAML response that cat printed",
    });
    expect(await reveal(prove(samlCommand, { command: ["cat", path] }, host))).toBe(BASE64);
  });

  test("a program that fails or prints something else is named without what it printed", async () => {
    expect(await failure(prove(samlCommand, { command: ["false"] }, host))).toMatchObject({
      code: "COMMAND_FAILED",
      message: "false ended with status 1 instead of printing a SAML response",
    });
    const said = await failure(prove(samlCommand, { command: ["echo", "canary"] }, host));
    expect(said.code).toBe("ASSERTION_UNUSABLE");
    expect(JSON.stringify(said)).not.toContain("canary");
  });
});
