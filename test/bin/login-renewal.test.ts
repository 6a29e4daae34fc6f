/** What a login leaves, as the executable uses it: a person logs in once, and crowds of processes renew by one refresh token. */
import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFiles, openEntry } from "../support/cache-entry.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { walkThrough } from "../support/person.ts";
import { makeSandbox, programUnderTest, type RunResult, runProgram, type Sandbox } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure, until } from "./black-box.ts";

const CROWD = 40;
const H = 3_600_000;
const LONG = { timeout: 120_000 };

let world: OidcWorld;
let sandbox: Sandbox;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.reset();
  const { clientId } = world.op.clients.people;
  world.registerAudiences(clientId);
  world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  sandbox = makeSandbox();
  const profile = (name: string): string => `[profile.${name}]
identity = "corp"
role_arn = "${world.roleArn}"
role_session_name = "${name}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"
`;
  sandbox.configure(`[identity.corp]
type = "oidc-browser"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
parameters = { prompt = "consent" }
refresh_token_store = "file"
device_fallback = false
${profile("billing")}${profile("payroll")}${profile("stock")}`);
});
afterEach(() => sandbox.remove());

/** A login without a terminal: the address stands on stderr, and a person walks there. */
async function logIn(login = "ana"): Promise<RunResult> {
  let said = "";
  let walked: Promise<unknown> | undefined;
  const argv = ["setsid", "--wait", ...programUnderTest(), "login", "--plain", "--profile", "billing"];
  const result = await runProgram(argv, sandbox.env, {
    deadlineMs: 60_000,
    onStart: ({ stderr }) =>
      stderr?.on("data", (text: string) => {
        said += text;
        const address = /^(http\S+\/auth\?\S+)$/m.exec(said)?.[1];
        if (address !== undefined) walked ??= walkThrough(address, { login });
      }),
  });
  await walked;
  return result;
}

/** As if every session had ended: what the login left is no session. */
function endSessions(): void {
  for (const file of entryFiles(sandbox.cacheDirectory)) if (openEntry(file).kind === "credentials") ageEntry(file, -H);
}

const run = (profile = "billing"): Promise<RunResult> =>
  sandbox.run(["credential-process", "--profile", profile], { deadlineMs: 100_000 });
const redemptions = (): number => world.op.count("/token");

describe("after a login", LONG, () => {
  it("forty processes with ended credentials redeem the refresh token once, and all succeed", async () => {
    const outcome = await logIn();
    expect(outcome.status, outcome.stderr).toBe(0);
    endSessions();
    const before = redemptions();
    const results = await Promise.all(Array.from({ length: CROWD }, () => run()));
    expect(new Set(results.map(credentialsOf).map(({ AccessKeyId }) => AccessKeyId)).size).toBe(1);
    expect(redemptions() - before).toBe(1);
  });

  it("processes of three profiles redeem one refresh token after the other, and the provider sees none twice", async () => {
    await logIn();
    for (let hour = 0; hour < 3; hour++) {
      const before = redemptions();
      const all = ["billing", "payroll", "stock"].flatMap((name) => [name, name, name]);
      for (const result of await Promise.all(all.map((name) => run(name)))) credentialsOf(result);
      expect(redemptions() - before).toBe(hour === 0 ? 2 : 3);
      endSessions();
    }
  });

  it("a process that is killed while the provider thinks costs nobody anything but time", async () => {
    await logIn();
    endSessions();
    world.op.faults.next("/token", { kind: "hang" });
    const before = redemptions();
    let kill: (() => void) | undefined;
    const killed = sandbox.run(CREDENTIAL_PROCESS, {
      onStart: (child) => {
        kill = () => void child.kill("SIGKILL");
      },
    });
    await until("the refresh token is on its way", () => redemptions() > before);
    kill?.();
    expect((await killed).signal).toBe("SIGKILL");
    credentialsOf(await run());
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s while the refresh token is on its way ends the process once its successor is kept",
    async (signal) => {
      await logIn();
      endSessions();
      let answer = (): void => {};
      const held = new Promise<void>((go) => {
        answer = go;
      });
      world.op.faults.next("/token", { kind: "hold", until: held });
      const before = redemptions();
      let child: ChildProcess | undefined;
      const ended = sandbox.run(CREDENTIAL_PROCESS, {
        onStart: (started) => {
          child = started;
        },
      });
      await until("the refresh token is on its way", () => redemptions() > before);
      const status = `/proc/${child?.pid}/status`;
      const rests = (): string =>
        /^State:\tS[\s\S]*(^voluntary_ctxt_switches:.*)$/m.exec(readFileSync(status, "utf8"))?.[1] ?? "";
      let rested = "";
      if (existsSync(status)) {
        await until("the process waits", () => {
          const was = rested;
          rested = rests();
          return rested !== "" && rested === was;
        });
      }
      child?.kill(signal);
      // An answer that came together with the signal could be taken first.
      if (rested !== "") await until("the signal was heard", () => !["", rested].includes(rests()));
      answer();
      expect(await ended).toMatchObject({ signal, stdout: "" });
      for (let hour = 0; hour < 2; hour++) {
        credentialsOf(await run());
        endSessions();
      }
    },
  );

  it("a provider that hangs costs one caller the ten seconds of the refresh token on its way, and says so; the others nothing", async () => {
    await logIn();
    const [file = ""] = entryFiles(sandbox.cacheDirectory).filter((one) => openEntry(one).kind === "credentials");
    ageEntry(file, 600_000);
    world.op.faults.always("/token", { kind: "hang" });
    const first = await run();
    credentialsWithWarning(first, /not renewed.*within 2 s; a refresh token that was on its way.* took \d+ s more$/m);
    expect(first.tookMs).toBeGreaterThan(8_000);
    expect(first.tookMs).toBeLessThan(30_000);
    const before = redemptions();
    credentialsOf(await run());
    expect(redemptions()).toBe(before);
  });

  it("a revoked refresh token ends in exit code 3 and the command, and the next login puts all right", async () => {
    await logIn();
    const files = entryFiles(sandbox.cacheDirectory).filter((file) => path.basename(file).startsWith("login-"));
    expect(files).toHaveLength(1);
    const [file = ""] = files;
    const { refreshToken } = openEntry(file) as unknown as { refreshToken: string };
    await fetch(`${world.op.issuer}/token/revocation`, {
      method: "POST",
      body: new URLSearchParams({ token: refreshToken, client_id: world.op.clients.people.clientId }),
    });
    endSessions();
    expectFailure(await run(), {
      status: 3,
      says: /does not renew the login any more \(invalid_grant/,
      hint: /hint: sts-broker login --profile billing$/,
    });
    expect(readdirSync(path.dirname(file))).not.toContain(path.basename(file));
    expect((await logIn()).status).toBe(0);
    credentialsOf(await run());
  });

  it("nothing it keeps shows the refresh token to somebody who reads the disk without the key, or the mark's reader", async () => {
    await logIn();
    const [file = ""] = entryFiles(sandbox.cacheDirectory).filter((one) => path.basename(one).startsWith("login-"));
    const { refreshToken } = openEntry(file) as unknown as { refreshToken: string };
    const all = readdirSync(sandbox.home, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    expect(all.length).toBeGreaterThan(3);
    for (const one of all)
      expect(readFileSync(path.join(one.parentPath, one.name)).includes(refreshToken), one.name).toBe(false);
  });
});

describe("before a login", () => {
  it("credential-process says at once that a person has to log in, and asks nobody", async () => {
    const before = world.op.requests.length;
    expectFailure(await run(), {
      status: 3,
      says: /^sts-broker: nobody is logged in at http/,
      hint: /hint: sts-broker login --profile billing$/,
    });
    expect(world.op.requests.length).toBe(before);
  });
});
