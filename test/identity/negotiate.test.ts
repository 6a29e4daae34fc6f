import { describe, expect, test } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { KerberosFailure } from "../../src/core/kerberos-failure.ts";
import { SettingError } from "../../src/core/settings.ts";
import type { HttpRequest, HttpResponse, NegotiateContext } from "../../src/host/host.ts";
import { kerberosSettings } from "../../src/identity/lib/kerberos-settings.ts";
import { negotiatedRequest } from "../../src/identity/lib/negotiate.ts";
import { challenges } from "../../src/identity/lib/www-authenticate.ts";
import type { AcquireContext } from "../../src/identity/source.ts";
import { startCpuClock } from "../support/cpu-clock.ts";

const URL_ = "https://idp.corp.example:8443/sso?x=1";
const TOKEN = Buffer.from("a ticket").toString("base64");
const REPLY = Buffer.from("a proof").toString("base64");
const NTLM = Buffer.from("NTLMSSP\0\u0002").toString("base64");

interface Script {
  /** Answers in order; the last one repeats. */
  readonly answers: readonly Partial<HttpResponse>[];
  /** Tokens in order, or a failure. */
  readonly tokens?: readonly (string | KerberosFailure)[];
  /** Whether the server's token proves it. */
  readonly mutual?: boolean;
  readonly skewMs?: number;
  readonly settings?: Record<string, string | boolean | string[]>;
  readonly url?: string;
  readonly preemptive?: boolean;
}

/** Plays a server and a Kerberos library. */
async function play(script: Script) {
  const sent: HttpRequest[] = [];
  const opened: unknown[] = [];
  const steps: (string | undefined)[] = [];
  const { answers, tokens = [TOKEN, ""], mutual = true, url = URL_ } = script;
  const http = {
    skewMs: () => script.skewMs,
    request: async (request: HttpRequest): Promise<HttpResponse> => {
      sent.push(request);
      const answer = answers[Math.min(sent.length, answers.length) - 1];
      return { status: 200, headers: {}, setCookie: [], body: new Uint8Array(), url: request.url, ...answer };
    },
  };
  const kerberos = {
    open: async (...args: unknown[]): Promise<NegotiateContext> => {
      opened.push(args.slice(0, 2));
      return {
        step: async (challenge) => {
          steps.push(challenge);
          const token = tokens[Math.min(steps.length, tokens.length) - 1] ?? "";
          if (token instanceof KerberosFailure) throw token;
          return token;
        },
        get mutual() {
          return mutual && steps.some((challenge) => challenge !== undefined);
        },
      };
    },
  };
  const log = { enabled: false, debug: () => {}, warn: () => {} };
  const context = { host: { http, kerberos, log }, signal: new AbortController().signal } as unknown as AcquireContext;
  const settings = kerberosSettings(script.settings ?? {}, ["https://IDP.corp.example:8443/"]);
  const outcome = await negotiatedRequest({ method: "GET", url, headers: { cookie: "a=b" } }, settings, context, {
    ...(script.preemptive === undefined ? {} : { preemptive: script.preemptive }),
  }).catch((error: unknown) => error);
  if (outcome instanceof Error && !(outcome instanceof BrokerError)) throw outcome;
  const authorizations = sent.map(({ headers }) => headers?.authorization);
  return {
    outcome: outcome as Awaited<ReturnType<typeof negotiatedRequest>> & BrokerError,
    opened,
    steps,
    authorizations,
  };
}

const asks = (value: string): Partial<HttpResponse> => ({ status: 401, headers: { "www-authenticate": value } });
const answers = (token: string, status = 200): Partial<HttpResponse> => ({
  status,
  headers: { "www-authenticate": `Negotiate ${token}` },
});

describe("a request that may be answered by Negotiate", () => {
  test.each(["Negotiate", "negotiate", "NEGOTIATE", 'Basic realm="a, Negotiate b", Negotiate', "NTLM, Negotiate"])(
    "sends a ticket when it is asked for it by %s, and takes the proof",
    async (challenge) => {
      const { outcome, opened, steps, authorizations } = await play({ answers: [asks(challenge), answers(REPLY)] });
      expect(outcome).toMatchObject({ status: 200, negotiate: "accepted", mutual: true });
      expect(opened).toEqual([["HTTP@idp.corp.example", {}]]);
      expect(steps).toEqual([undefined, REPLY]);
      expect(authorizations).toEqual([undefined, `Negotiate ${TOKEN}`]);
    },
  );

  test("is an ordinary one where nobody asks", async () => {
    const { outcome, opened } = await play({ answers: [{ status: 302, headers: { location: "/next" } }] });
    expect(outcome).toMatchObject({ status: 302, negotiate: "not-asked", mutual: false });
    expect(opened).toEqual([]);
  });

  test("bears a server that never proves itself, unless it must", async () => {
    const silent = [asks("Negotiate"), { status: 302, headers: { location: "/" } }];
    expect((await play({ answers: silent })).outcome).toMatchObject({ status: 302, mutual: false });
    const { outcome } = await play({ answers: silent, settings: { require_mutual_authentication: true } });
    expect(outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("did not prove itself") });
    expect(outcome.hint).toContain("require_mutual_authentication");
  });

  test("refuses a server whose proof is wrong or incomplete, whatever page it sends", async () => {
    const wrong = new KerberosFailure("server-not-proved", "Invalid token was supplied");
    const { outcome } = await play({ answers: [asks("Negotiate"), answers(REPLY)], tokens: [TOKEN, wrong] });
    expect(outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("does not prove") });
    const incomplete = await play({ answers: [asks("Negotiate"), answers(REPLY)], mutual: false });
    expect(incomplete.outcome).toMatchObject({ code: "IDP_REFUSED" });
  });

  test("goes on while the server does, but not for ever", async () => {
    const { outcome, steps } = await play({
      answers: [asks("Negotiate"), asks(`Negotiate ${REPLY}`), answers(REPLY)],
      tokens: [TOKEN, TOKEN, ""],
    });
    expect(outcome).toMatchObject({ status: 200 });
    expect(steps).toEqual([undefined, REPLY, REPLY]);
    const endless = await play({ answers: [asks("Negotiate"), asks(`Negotiate ${REPLY}`)], tokens: [TOKEN] });
    expect(endless.steps).toHaveLength(5);
    expect(endless.outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("more than 5") });
  });

  test("tells a password form from success", async () => {
    const form = '<FORM><INPUT name=p TYPE="Password"></FORM>';
    const page = { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from(form) };
    expect((await play({ answers: [asks("Negotiate"), page] })).outcome.negotiate).toBe("password-form");
    expect((await play({ answers: [page] })).outcome.negotiate).toBe("not-asked");
  });

  test("does not take long over a page of tags that never end", async () => {
    const body = Buffer.from("<input ".repeat(140_000));
    const page = { status: 200, headers: { "content-type": "text/html" }, body };
    const computedMs = startCpuClock();
    expect((await play({ answers: [asks("Negotiate"), page] })).outcome.negotiate).toBe("accepted");
    expect(computedMs()).toBeLessThan(5_000);
  });

  test("names channel binding when a ticket is refused, and the clock when it is wrong", async () => {
    const twice = [asks("Negotiate")];
    const { outcome } = await play({ answers: twice });
    expect(outcome).toMatchObject({ code: "IDP_REFUSED", hint: expect.stringContaining("Extended Protection") });
    expect((await play({ answers: twice, skewMs: 360_000 })).outcome.message).toContain("6 min behind");
    expect((await play({ answers: twice, skewMs: -720_000 })).outcome.message).toContain("12 min ahead of");
  });

  test("says so when the principal is known and denied", async () => {
    const denied = await play({ answers: [asks("Negotiate"), { status: 403 }], settings: { principal: "WEB1$@CORP" } });
    expect(denied.outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("WEB1$@CORP") });
  });

  test.each([
    ["offered alone", [asks("NTLM")]],
    ["offered beside Basic", [asks('NTLM, Basic realm="x"')]],
    ["inside Negotiate", [asks(`Negotiate ${NTLM}`)]],
    ["inside SPNEGO, as the answer to a ticket", [asks("Negotiate"), asks(`Negotiate ${NTLM}`)]],
  ])("refuses NTLM %s", async (_name, script) => {
    const { outcome, steps } = await play({ answers: script });
    expect(outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("NTLM is refused") });
    expect(steps.filter((challenge) => challenge !== undefined)).toEqual([]);
  });

  test("never sends an NTLM token that a library makes", async () => {
    const { outcome, authorizations } = await play({ answers: [asks("Negotiate")], tokens: [NTLM] });
    expect(outcome.message).toContain("NTLM is refused");
    expect(authorizations).toEqual([undefined]);
  });

  test("names what a server offers instead", async () => {
    const { outcome } = await play({ answers: [asks('Basic realm="a", Digest nonce="b"')] });
    expect(outcome).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("Basic, Digest") });
  });
});

describe("a ticket", () => {
  test.each([
    "https://evil.example/sso",
    "https://idp.corp.example.evil.example/",
    "https://xidp.corp.example/",
    "http://idp.corp.example:8443/",
    "http://127.0.0.1/",
  ])("is not given to %s", async (url) => {
    for (const preemptive of [false, true]) {
      const { outcome, opened, authorizations } = await play({ answers: [asks("Negotiate")], url, preemptive });
      expect(outcome).toMatchObject({ code: "CONFIG_INVALID" });
      expect(opened).toEqual([]);
      expect(authorizations).toEqual([undefined]);
    }
  });

  test("is given to the hosts named, each under its own name", async () => {
    const { opened } = await play({
      answers: [asks("Negotiate"), answers(REPLY)],
      url: "https://sso.corp.example/",
      settings: { kerberos_hosts: ["SSO.corp.example"], kerberos_spn: "HTTP/node1.corp.example" },
    });
    expect(opened).toEqual([["HTTP@sso.corp.example", {}]]);
    const configured = await play({
      answers: [asks("Negotiate"), answers(REPLY)],
      settings: { kerberos_spn: "HTTP/node1.corp.example" },
    });
    expect(configured.opened).toEqual([["HTTP@node1.corp.example", {}]]);
  });

  test("is sent unasked where that is wanted", async () => {
    const { outcome, authorizations } = await play({ answers: [answers(REPLY)], preemptive: true });
    expect(outcome).toMatchObject({ negotiate: "accepted", mutual: true });
    expect(authorizations).toEqual([`Negotiate ${TOKEN}`]);
  });

  test.each([
    ["no-ticket", "LOGIN_REQUIRED", "kinit"],
    ["expired-ticket", "LOGIN_REQUIRED", "kinit"],
    ["unknown-spn", "IDP_REFUSED", "setspn -S HTTP/idp.corp.example"],
    ["kdc-unreachable", "UNREACHABLE", "krb5.conf"],
    ["no-answer", "TIMEOUT", "request_timeout"],
    ["wrong-key", "IDP_REFUSED", "kvno"],
    ["clock-skew", "IDP_REFUSED", "timedatectl"],
    ["configuration", "CONFIG_INVALID", "KRB5_CONFIG"],
    ["replay", "IDP_REFUSED", "twice"],
  ] as const)("that is missing for %s is said with its fix", async (reason, code, fix) => {
    const failure = new KerberosFailure(reason, "the library's \u001b[31mwords");
    const { outcome } = await play({ answers: [asks("Negotiate")], tokens: [failure], skewMs: 400_000 });
    expect(outcome).toMatchObject({ code, hint: expect.stringContaining(fix) });
    expect(outcome.message).not.toContain("\u001b");
    if (reason === "clock-skew") expect(outcome.message).toContain("7 min behind");
  });
});

test("settings that contradict each other or open more than a host are refused by key", () => {
  const parse = (table: Record<string, string | boolean | string[]>) => () => kerberosSettings(table, []);
  const refused = (table: Record<string, string | boolean | string[]>): string | undefined => {
    try {
      parse(table)();
    } catch (error) {
      return (error as SettingError).key;
    }
    return undefined;
  };
  expect(parse({ keytab: "/k", ccache: "FILE:/c" })).toThrow(SettingError);
  expect(refused({ keytab: "/k", gssproxy: true })).toBe("keytab");
  expect(refused({ principal: "HOST$@CORP.EXAMPLE", gssproxy: true })).toBe("principal");
  for (const host of ["*.corp.example", "https://sso.corp.example", "sso:443", "", "a b", ".corp.example"])
    expect(refused({ kerberos_hosts: [host] }), host).toBe("kerberos_hosts");
  for (const spn of ["HTTP", "HTTP/", "/host", "HTTP/a/b", "HTTP/a@REALM", "HTTP a"])
    expect(refused({ kerberos_spn: spn }), spn).toBe("kerberos_spn");
});

describe("challenges of WWW-Authenticate", () => {
  test.each([
    [undefined, []],
    ["", []],
    [",, Negotiate ,", [["Negotiate", undefined]]],
    [
      "Negotiate YWJj==, Basic realm=x",
      [
        ["Negotiate", "YWJj=="],
        ["Basic", undefined],
      ],
    ],
    [
      'Digest qop="auth,auth-int", nonce="Negotiate abc", NTLM',
      [
        ["Digest", undefined],
        ["NTLM", undefined],
      ],
    ],
    ['Basic realm="a\\", Negotiate evil"', [["Basic", undefined]]],
    [
      'Bearer error="x", Negotiate',
      [
        ["Bearer", undefined],
        ["Negotiate", undefined],
      ],
    ],
    [
      "Negotiate, Negotiate QQ==",
      [
        ["Negotiate", undefined],
        ["Negotiate", "QQ=="],
      ],
    ],
  ])("are read from %s", (header, expected) => {
    expect(challenges(header).map(({ scheme, token }) => [scheme, token])).toEqual(expected);
  });
});
