// What stands in the place of the provider or of STS does everything wrong: each time there is one line that names the cause and a
// setting to look at, within the deadline, through the executable.

import { afterEach, describe, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import type { Fault } from "../support/faults.ts";
import type { ListeningServer } from "../support/listening-server.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { closedPort, startMisbehavingServer, startSilentPort } from "../support/misbehaving-server.ts";
import { makeSandbox, type RunResult, type Sandbox } from "../support/program.ts";
import { failureOf } from "./failing.ts";

const SECRET = "canary-of-the-client-secret-0123456789";
const TOKEN_ENDPOINT = "/token";
const DISCOVERY = "/.well-known/openid-configuration";

/** One `credential-process` against an issuer and an endpoint, in a home of its own, since tests run at the same time. */
async function run(where: {
  readonly issuer: string;
  readonly endpointUrl?: string;
  readonly caFile?: string;
  readonly env?: Record<string, string>;
}): Promise<RunResult> {
  const sandbox: Sandbox = makeSandbox();
  try {
    sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${where.issuer}"
client_id = "batch"
client_secret = { file = "${sandbox.file("secret", SECRET)}" }
${where.caFile === undefined ? "" : `ca_file = "${sandbox.file("ca.pem", where.caFile)}"`}

[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
region = "eu-west-1"
endpoint_url = "${where.endpointUrl ?? "http://127.0.0.1:1"}"
store = "file"
`);
    const result = await sandbox.run(["credential-process"], { env: where.env ?? {} });
    expect(result.stderr).not.toContain(SECRET);
    return result;
  } finally {
    sandbox.remove();
  }
}

interface Expected {
  readonly status: number;
  readonly line: RegExp;
  readonly hint: RegExp;
  /** Default 5,000. */
  readonly withinMs?: number;
}

const REDIRECT: Fault = { kind: "redirect", location: "https://login.evil.example/sign-in?token=canary" };

describe.concurrent("an identity provider that misbehaves", () => {
  test("is followed by an STS that stalls: the run ends before its 45 s are over", { timeout: 60_000 }, async ({
    expect,
  }) => {
    const job = await startMainJob();
    try {
      job.world.sts.stall();
      const result = await job.sandbox.run(["credential-process"]);
      const failure = failureOf(result, 5);
      expect(failure.line).toMatch(/^127\.0\.0\.1:\d+ (did not answer completely within|had not answered)/);
      expect(result.tookMs).toBeLessThan(46_000);
      expect(job.counts().token).toBe(1);
    } finally {
      await job.close();
    }
  });

  test("is behind a proxy that never answers", async ({ expect }) => {
    const port = await startSilentPort("hang");
    try {
      const proxy = `http://127.0.0.1:${port.port}`;
      const result = await run({
        issuer: "https://idp.corp.invalid",
        env: { HTTPS_PROXY: proxy.replace("//", "//batch:canary@") },
      });
      const { line, hint } = failureOf(result, 5);
      expect(line).toBe(`idp.corp.invalid through the proxy ${proxy} did not answer completely within 15 s`);
      expect(hint).toContain("HTTPS_PROXY");
      expect(result.stderr).not.toContain("canary");
    } finally {
      await port.close();
    }
  });

  test("is behind a proxy that hangs up", async ({ expect }) => {
    const port = await startSilentPort("reset");
    try {
      const proxy = `http://127.0.0.1:${port.port}`;
      const { line, hint } = failureOf(
        await run({ issuer: "https://idp.corp.invalid", env: { HTTPS_PROXY: proxy } }),
        5,
      );
      expect(line).toBe(`the proxy ${proxy} closed the connection before it answered`);
      expect(hint).toContain("HTTPS_PROXY");
    } finally {
      await port.close();
    }
  });

  test("takes a connection and never starts TLS", async ({ expect }) => {
    const port = await startSilentPort("hang");
    try {
      const result = await run({ issuer: `https://127.0.0.1:${port.port}` });
      expect(failureOf(result, 5).line).toMatch(/^127\.0\.0\.1:\d+ did not answer completely within 15 s$/);
      expect(result.tookMs).toBeLessThan(18_000);
    } finally {
      await port.close();
    }
  });

  const CASES: readonly (Expected & { readonly name: string; readonly fault: Fault })[] = [
    {
      name: "sends a byte a second for ever",
      fault: { kind: "drip" },
      status: 5,
      line: /^127\.0\.0\.1:\d+ did not answer completely within 15 s/,
      hint: /HTTPS_PROXY/,
      withinMs: 18_000,
    },
    {
      name: "never answers",
      fault: { kind: "hang" },
      status: 5,
      line: /^127\.0\.0\.1:\d+ did not answer completely within 15 s/,
      hint: /HTTPS_PROXY/,
      withinMs: 18_000,
    },
    {
      name: "redirects to another origin",
      fault: REDIRECT,
      status: 5,
      line: /redirect to https:\/\/login\.evil\.example \(HTTP 302\), which is not followed$/,
      hint: /issuer/,
    },
    {
      name: "answers with a web page",
      fault: { kind: "html" },
      status: 5,
      line: /answered with an HTML page instead of JSON \(HTTP 200\)/,
      hint: /issuer and HTTPS_PROXY/,
    },
    {
      name: "answers with a web page and an error",
      fault: { kind: "html", status: 403 },
      status: 5,
      line: /answered with an HTML page instead of JSON \(HTTP 403\)/,
      hint: /HTTPS_PROXY/,
    },
    {
      name: "answers without end",
      fault: { kind: "huge" },
      status: 5,
      line: /^127\.0\.0\.1:\d+ answered with more than 1048576 bytes/,
      hint: /issuer/,
    },
    {
      name: "resets the connection",
      fault: { kind: "reset" },
      status: 5,
      line: /^127\.0\.0\.1:\d+ closed the connection before it answered/,
      hint: /issuer/,
    },
    {
      name: "answers with half a document",
      fault: { kind: "invalid-json" },
      status: 5,
      line: /answered with something that is not OAuth/,
      hint: /issuer/,
    },
    {
      name: "does not know the address",
      fault: { kind: "status", status: 404 },
      status: 5,
      line: /has no discovery document \(HTTP 404/,
      hint: /issuer/,
    },
    {
      name: "fails",
      fault: { kind: "status", status: 503, body: "Service Unavailable" },
      status: 5,
      line: /failed with HTTP 503/,
      hint: /try again/,
    },
  ];

  for (const { name, fault, status, line, hint, withinMs = 5_000 } of CASES) {
    test(`${name}`, async ({ expect }) => {
      const server = await startMisbehavingServer({ standing: fault });
      try {
        const result = await run({ issuer: server.url });
        const failure = failureOf(result, status);
        expect(failure.line).toMatch(line);
        expect(failure.hint).toMatch(hint);
        expect(result.stderr).not.toContain("canary");
        expect(result.tookMs).toBeLessThan(withinMs);
        expect(server.count(DISCOVERY)).toBe(1);
        expect(server.count(TOKEN_ENDPOINT)).toBe(0);
      } finally {
        await server.close();
      }
    });
  }

  test("cannot be resolved", async ({ expect }) => {
    const failure = failureOf(await run({ issuer: "https://idp.corp.invalid" }), 5);
    expect(failure.line).toMatch(/^idp\.corp\.invalid cannot be resolved \(DNS (ENOTFOUND|EAI_AGAIN)\)$/);
    expect(failure.hint).toContain("HTTPS_PROXY");
  });

  test("refuses connections", async ({ expect }) => {
    const failure = failureOf(await run({ issuer: `http://127.0.0.1:${await closedPort()}` }), 5);
    expect(failure.line).toMatch(/^127\.0\.0\.1:\d+ refuses connections( or cannot be reached)?$/);
    expect(failure.hint).toContain("issuer");
  });

  test("speaks no TLS where https is wanted", async ({ expect }) => {
    const server = await startMisbehavingServer({ standing: { kind: "html" } });
    try {
      const failure = failureOf(await run({ issuer: server.url.replace("http:", "https:") }), 5);
      expect(failure.line).toMatch(/^no TLS with 127\.0\.0\.1:\d+: it does not speak TLS on this port$/);
      expect(failure.hint).toContain("issuer");
    } finally {
      await server.close();
    }
  });

  test("speaks TLS where http is wanted", async ({ expect }) => {
    const ca = await createCertificateAuthority();
    const server = await startMisbehavingServer({ tls: await ca.issueServer(), standing: { kind: "html" } });
    try {
      const failure = failureOf(await run({ issuer: server.url.replace("https:", "http:") }), 5);
      expect(failure.line).toMatch(/^127\.0\.0\.1:\d+ (closed the connection|does not speak HTTP)/);
      expect(failure.hint).toContain("issuer");
    } finally {
      await server.close();
    }
  });

  test("resets before TLS starts", async ({ expect }) => {
    const port: ListeningServer = await startSilentPort("reset");
    try {
      const failure = failureOf(await run({ issuer: `https://127.0.0.1:${port.port}` }), 5);
      expect(failure.line).toMatch(/^127\.0\.0\.1:\d+ closed the connection before it answered$/);
    } finally {
      await port.close();
    }
  });

  test("names a token endpoint on plain http elsewhere, or at a metadata address", async ({ expect }) => {
    for (const endpoint of ["http://elsewhere.example/token", "https://169.254.169.254/token", "file:///etc/passwd"]) {
      const server = await startMisbehavingServer();
      try {
        const metadata = { issuer: server.url, token_endpoint: endpoint, jwks_uri: `${server.url}/jwks` };
        const headers = { "content-type": "application/json" };
        server.faults.always(DISCOVERY, { kind: "status", status: 200, headers, body: JSON.stringify(metadata) });
        const result = await run({ issuer: server.url });
        expect([2, 5]).toContain(result.status);
        const failure = failureOf(result, result.status ?? -1);
        expect(failure.line).toMatch(/refused|link-local|not/);
        expect(result.tookMs).toBeLessThan(5_000);
      } finally {
        await server.close();
      }
    }
  });
});

describe("a token endpoint that misbehaves, after a good discovery", () => {
  for (const [name, fault, line] of [
    ["redirects", REDIRECT, /redirect to https:\/\/login\.evil\.example/],
    ["answers with a web page", { kind: "html" }, /HTML page instead of JSON/],
    ["answers without end", { kind: "huge" }, /more than 1048576 bytes/],
    ["resets the connection", { kind: "reset" }, /closed the connection before it answered/],
    ["answers with half a document", { kind: "invalid-json" }, /not OAuth/],
    ["wants a proxy's credentials", { kind: "proxy-authentication" }, /407/],
  ] as const satisfies readonly (readonly [string, Fault, RegExp])[]) {
    test(`${name}`, async () => {
      const job = await startMainJob();
      try {
        job.world.op.faults.always(TOKEN_ENDPOINT, fault);
        const result = await job.sandbox.run(["credential-process"]);
        expect(failureOf(result, 5).line).toMatch(line);
        expect(result.stderr).not.toContain("canary");
        // A kept connection that breaks may have been given up by the server before it was asked: that is tried once more.
        const times = name === "resets the connection" ? 2 : 1;
        expect(job.counts()).toEqual({ token: times, sts: 0 });
      } finally {
        await job.close();
      }
    });
  }
});

describe("an STS that misbehaves", () => {
  let job: MainJob | undefined;
  afterEach(async () => {
    await job?.close();
    job = undefined;
  });

  const STS_CASES: readonly (Expected & { readonly name: string; readonly fault: Fault })[] = [
    {
      name: "redirects",
      fault: REDIRECT,
      status: 5,
      line: /redirects \(HTTP 302 to https:\/\/login\.evil\.example\), which AWS STS never does/,
      hint: /endpoint_url/,
    },
    {
      name: "answers with a web page",
      fault: { kind: "html" },
      status: 5,
      line: /answered with a web page \(HTTP 200\): the endpoint is no STS/,
      hint: /endpoint_url/,
    },
    {
      name: "answers without end",
      fault: { kind: "huge" },
      status: 5,
      line: /answered with more than 262144 bytes/,
      hint: /endpoint_url/,
    },
    {
      name: "resets each connection",
      fault: { kind: "reset" },
      status: 5,
      line: /closed the connection before it answered/,
      hint: /endpoint_url/,
    },
  ];
  for (const { name, fault, status, line, hint } of STS_CASES) {
    test(`${name}`, async () => {
      job = await startMainJob();
      const server = await startMisbehavingServer({ standing: fault });
      try {
        rewriteEndpoint(job, server.url);
        const result = await job.sandbox.run(["credential-process"]);
        const failure = failureOf(result, status);
        expect(failure.line).toMatch(line);
        expect(failure.hint).toMatch(hint);
        expect(result.stderr).not.toContain("canary");
        expect(result.tookMs).toBeLessThan(8_000);
      } finally {
        await server.close();
      }
    });
  }

  test("cannot be resolved", async () => {
    job = await startMainJob();
    rewriteEndpoint(job, "https://sts.corp.invalid");
    const failure = failureOf(await job.sandbox.run(["credential-process"]), 5);
    expect(failure.line).toMatch(/sts\.corp\.invalid cannot be resolved \(DNS/);
    expect(failure.hint).toContain("HTTPS_PROXY");
  });
});

function rewriteEndpoint({ world, sandbox }: MainJob, endpointUrl: string): void {
  const { clientId, clientSecret } = world.op.clients.secretBasic;
  sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${sandbox.file("secret", clientSecret)}" }
audience = "sts.amazonaws.com"

[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${endpointUrl}"
`);
}
