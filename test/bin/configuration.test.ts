import { chmodSync, chownSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { CREDENTIAL_PROCESS, credentialsOf, expectFailure, isRoot, NOBODY } from "./black-box.ts";

const BARE = "hunter2-bare-secret-0123456789";

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  job.world.reset();
  job.configure();
  job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
});
afterAll(() => job.close());

const noStore = [...CREDENTIAL_PROCESS, "--store", "none"];
const run = (env?: Record<string, string>) => job.sandbox.run(noStore, env === undefined ? {} : { env });

/** A configuration whose client_secret is what is given, in TOML. */
function withSecret(toml: string): void {
  job.sandbox.configure(`
[identity.corp]
type = "oidc-client-credentials"
issuer = "${job.world.op.issuer}"
client_id = "cc-basic"
client_secret = ${toml}
audience = "sts.amazonaws.com"

[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
endpoint_url = "${job.world.sts.url}"
`);
}

describe("a secret that cannot be used", () => {
  it("bare in the configuration: refused at its place, the hint shows the right form, and it is never echoed", async () => {
    withSecret(`"${BARE}"`);
    for (const args of [noStore, ["config", "check"], ["config", "show"]]) {
      const result = await job.sandbox.run(args);
      expect(result.stdout + result.stderr).not.toContain(BARE);
      expect(result.status).toBe(2);
      expect(result.stderr).toMatch(
        /config\.toml:6:1: client_secret is written into the file.*\n {2}hint: use \{ file = "\/path" \}, \{ env = "NAME" \}/,
      );
    }
  });

  it.each([
    ["unterminated", `"${BARE}`],
    ["after a typing error", `{ fil = "${BARE}" }`],
    ["in a table that is none", `["${BARE}"]`],
    ["with a control character", `{ env = "${BARE}\\u0000" }`],
  ])("%s: the line does not quote it", async (_, toml) => {
    withSecret(toml);
    for (const args of [noStore, ["config", "check"]]) {
      const result = await job.sandbox.run(args);
      expectFailure(result, { status: 2, says: /config\.toml:6:\d+: / });
      expect(result.stderr).not.toContain("hunter2");
    }
  });

  for (const mode of [0o644, 0o640, 0o604]) {
    it(`its file is open to others (${mode.toString(8)}): refused with the chmod that mends it`, async () => {
      const file = job.sandbox.file("billing.secret", "x", mode);
      expectFailure(await run(), {
        status: 2,
        says: new RegExp(`client_secret: ${file} is open to others \\(mode 0${mode.toString(8)}\\)`),
        hint: new RegExp(`chmod 600 ${file}$`),
      });
    });
  }

  const CASES: Record<string, { toml: string; says: RegExp; hint?: RegExp; env?: Record<string, string> }> = {
    "a file that is missing": {
      toml: '{ file = "/nonexistent/secret" }',
      says: /\/nonexistent\/secret does not exist/,
    },
    "a directory": { toml: '{ file = "/usr" }', says: /client_secret: \/usr/ },
    "a device": { toml: '{ file = "/dev/zero" }', says: /client_secret: \/dev\/zero/ },
    "a relative path": {
      toml: '{ file = "billing.secret" }',
      says: /client_secret has a file that must be an absolute path/,
    },
    "a variable that is not set": { toml: '{ env = "BILLING" }', says: /the environment variable BILLING is not set/ },
    "a variable with a line end": {
      toml: '{ env = "BILLING" }',
      env: { BILLING: "a\nb" },
      says: /the environment variable BILLING holds a control character/,
    },
    "an empty variable": { toml: '{ env = "BILLING" }', env: { BILLING: "" }, says: /BILLING is empty/ },
    "a credential outside a unit": {
      toml: '{ credential = "billing" }',
      says: /CREDENTIALS_DIRECTORY is not set/,
      hint: /LoadCredential=billing:/,
    },
    "a credential with a path": {
      toml: '{ credential = "../etc/shadow" }',
      env: { CREDENTIALS_DIRECTORY: "/run" },
      says: /"\.\.\/etc\/shadow" is not the name of a credential/,
    },
    "a keychain where there is none": {
      toml: '{ keychain = "billing" }',
      says: /client_secret: the keychain cannot be used/,
    },
    "a command that fails": {
      toml: '{ command = ["false", "argument"] }',
      says: /client_secret: false ended with status 1/,
      hint: /run it by hand/,
    },
    "a command that is not there": {
      toml: '{ command = ["/nonexistent/vault"] }',
      says: /\/nonexistent\/vault: command not found/,
    },
    "a command that prints nothing": { toml: '{ command = ["true"] }', says: /what true printed is empty/ },
    "a command that prints NUL": {
      toml: `{ command = ["printf", 'a\\0b'] }`,
      says: /what printf printed holds a control character/,
    },
    "two places": { toml: '{ file = "/a", env = "B" }', says: /client_secret must name exactly one place/ },
  };
  for (const [name, { toml, says, hint, env }] of Object.entries(CASES)) {
    it(`${name}: one line, and nobody is asked`, async () => {
      withSecret(toml);
      const before = job.world.op.count();
      expectFailure(await run(env), { status: 2, says, ...(hint && { hint }) });
      expect(job.world.op.count()).toBe(before);
    });
  }

  it("each of the other places works", async () => {
    const { clientSecret } = job.world.op.clients.secretBasic;
    const file = job.sandbox.file("credentials/billing", clientSecret, 0o440);
    withSecret('{ env = "BILLING" }');
    credentialsOf(await run({ BILLING: clientSecret }));
    withSecret('{ credential = "billing" }');
    credentialsOf(await run({ CREDENTIALS_DIRECTORY: path.dirname(file) }));
    withSecret(`{ command = ["cat", "${file}"] }`);
    credentialsOf(await run());
    withSecret('{ file = "~/billing.secret" }');
    credentialsOf(await run());
  });
});

describe("hostile and broken configuration", () => {
  it("tables and keys called __proto__ or constructor are inert", async () => {
    const nasty = `
[__proto__]
store = "none"
region = "polluted"
[profile.__proto__]
store = "polluted"
identity = "corp"
[identity.__proto__]
type = "token-command"
command = ["touch", "${job.sandbox.home}/polluted"]
[constructor.prototype]
store = "polluted"
`;
    job.configure({ after: nasty });
    credentialsOf(await run());
    for (const name of ["__proto__", "constructor", "toString"]) {
      expectFailure(await job.sandbox.run(["credential-process", "--profile", name]), { status: 2, says: /./ });
    }
    for (const key of ["__proto__", "constructor", "hasOwnProperty"]) {
      job.configure({ profile: `${key} = "x"` });
      expectFailure(await run(), {
        status: 2,
        says: new RegExp(`config\\.toml:\\d+:1: unknown key "${key}" in \\[profile\\.billing\\]`),
      });
    }
  });

  const CASES: Record<string, { profile?: string; identity?: string; says: RegExp; hint?: RegExp }> = {
    "an unknown key": {
      profile: "durations_seconds = 900",
      says: /:16:1: unknown key "durations_seconds"/,
      hint: /duration_seconds/,
    },
    "an unknown key of an identity": {
      identity: 'audiense = "x"',
      says: /unknown key "audiense" in \[identity\.corp\]/,
      hint: /audience/,
    },
    "a duration out of bounds": { profile: "duration_seconds = 60", says: /must be between 900 and 43200, not 60/ },
    "a store that is none": { profile: 'store = "fil"', says: /store/, hint: /file/ },
    "plain http to STS": { profile: "", identity: "", says: /endpoint_url.*https/ },
    "NUL in a session name": {
      profile: 'role_session_name = "a\\u0000b"',
      says: /role_session_name holds a control character/,
    },
    "a line end in a scope": { identity: 'scope = "a\\r\\nHost: evil"', says: /scope holds a control character/ },
    "an escape in a parameter": {
      identity: 'parameters = { a = "\\u001b[31m" }',
      says: /parameters must be a table of strings/,
    },
    "an escape in a parameter's name": {
      identity: 'parameters = { "\\u001b[31m" = "a" }',
      says: /parameters must be a table of strings/,
    },
    "a policy that is not JSON": { profile: 'policy = "allow"', says: /policy is not JSON/ },
    "a table twice": { profile: 'region = "eu-west-1"', says: /:16:1: not valid TOML/ },
  };
  for (const [name, { profile = "", identity = "", says, hint }] of Object.entries(CASES)) {
    it(`${name} is named with file, line and column`, async () => {
      const file = job.configure({ profile, identity });
      if (name === "plain http to STS") replace(file, /endpoint_url = .*/, 'endpoint_url = "http://sts.example"');
      const result = await job.sandbox.run(CREDENTIAL_PROCESS);
      expectFailure(result, { status: 2, says, ...(hint && { hint }) });
      expect(result.stderr).toContain(`${file}:`);
    });
  }

  it("control characters in flags and variables are refused, too", async () => {
    const session = [...noStore, "--role-session-name", "a\u001b[31mb"];
    expectFailure(await job.sandbox.run(session), { status: 2, says: /--role-session-name holds a control character/ });
    expectFailure(await run({ STS_BROKER_REGION: "eu\u0007west" }), { status: 2, says: /STS_BROKER_REGION/ });
  });

  it("a file that is not UTF-8, not TOML or too large is one line", async () => {
    const file = job.sandbox.configure("");
    for (const content of [
      Buffer.from([0xff, 0xfe, 0x00]),
      "\u0000",
      "[[[",
      "a = \u001b[31m",
      Buffer.alloc(2 ** 21, "#"),
    ]) {
      writeFileSync(file, content);
      expectFailure(await run(), { status: 2, says: /config\.toml/ });
    }
  });

  it("a file that others may write is refused with the chmod", async () => {
    const file = job.configure();
    chmodSync(file, 0o666);
    expectFailure(await run(), {
      status: 2,
      says: /can be written by every user/,
      hint: new RegExp(`chmod o-w ${file}`),
    });
    chmodSync(file, 0o600);
  });

  it.skipIf(!isRoot)("a file of another user is refused with the chown (needs root)", async () => {
    const file = job.configure();
    chownSync(file, NOBODY, NOBODY);
    expectFailure(await run(), { status: 2, says: /belongs to another user \(uid 65534\)/, hint: /chown \S+ / });
    chownSync(file, 0, 0);
  });
});

function replace(file: string, from: RegExp, to: string): void {
  writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
}
