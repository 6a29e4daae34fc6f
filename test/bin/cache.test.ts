import {
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, entryFiles, openEntry, sealText } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { makeSandbox } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, runInShell, warmUp } from "./black-box.ts";

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

/** How many token requests and STS calls something made. */
async function requestsOf(work: () => Promise<unknown>): Promise<{ token: number; sts: number }> {
  const before = job.counts();
  await work();
  const after = job.counts();
  return { token: after.token - before.token, sts: after.sts - before.sts };
}

const run = (...more: string[]) => job.sandbox.run([...CREDENTIAL_PROCESS, ...more]);
const entry = () => entryFile(job.sandbox.cacheDirectory);

describe("a warm cache", () => {
  it("answers without a request, even when nobody is there to ask", async () => {
    const minted = await warmUp(job);
    job.world.op.faults.always("*", { kind: "reset" });
    job.world.sts.cut();
    const before = job.world.op.count();
    expect(await requestsOf(async () => expect(credentialsOf(await run())).toEqual(minted))).toEqual({
      token: 0,
      sts: 0,
    });
    expect(job.world.op.count()).toBe(before);
  });

  it("answers without reading the secret again", async () => {
    const minted = await warmUp(job);
    const secret = path.join(job.sandbox.home, "billing.secret");
    chmodSync(secret, 0o644);
    expect(credentialsOf(await run())).toEqual(minted);
    chmodSync(secret, 0o600);
  });

  it("serves every format from the same entry", async () => {
    await warmUp(job);
    const formats = () => Promise.all(["env", "json", "dotenv"].map((one) => job.sandbox.run(["env", "-f", one])));
    expect(await requestsOf(formats)).toEqual({ token: 0, sts: 0 });
  });
});

describe("an entry that cannot be used is a miss", () => {
  const damages: Record<string, (file: string) => void> = {
    "cut to half": (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    "cut to five bytes": (file) => truncateSync(file, 5),
    empty: (file) => truncateSync(file, 0),
    garbage: (file) => writeFileSync(file, Buffer.alloc(4096, "\u001b[31m")),
    "larger than any entry": (file) => writeFileSync(file, Buffer.alloc(300 * 1024)),
    "one bit turned over": (file) => {
      const bytes = Buffer.from(readFileSync(file));
      bytes[40] = (bytes[40] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
    "sealed, but not JSON": (file) => sealText(file, "not json"),
    "sealed, but null": (file) => sealText(file, "null"),
    "of a future version": (file) => sealText(file, JSON.stringify({ ...openEntry(file), version: 2 })),
    "of another kind": (file) => sealText(file, JSON.stringify({ ...openEntry(file), kind: "token" })),
    "without a secret key": (file) => {
      const { value, ...rest } = openEntry(file);
      sealText(file, JSON.stringify({ ...rest, value: { ...value, secretAccessKey: "" } }));
    },
    "with a time that is none": (file) => sealText(file, JSON.stringify({ ...openEntry(file), expiresAtMs: "soon" })),
    "sealed with a key that is gone": () =>
      writeFileSync(path.join(job.sandbox.cacheDirectory, "sealing-key"), "short"),
    expired: (file) => void ageEntry(file, -1000),
    "about to expire": (file) => void ageEntry(file, 3000),
    "minted in the future": (file) => void ageEntry(file, 7_200_000),
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`${name}: fetched anew, and the next call finds it`, async () => {
      const minted = await warmUp(job);
      damage(entry());
      const requests = await requestsOf(async () => {
        const renewed = credentialsOf(await run());
        expect(renewed.AccessKeyId).not.toBe(minted.AccessKeyId);
        expect(credentialsOf(await run())).toEqual(renewed);
      });
      expect(requests).toEqual({ token: 1, sts: 1 });
    });
  }

  it("an entry under another entry's name is a miss: the seal names what it is for", async () => {
    await warmUp(job);
    const first = entry();
    await run("--duration-seconds", "1800");
    const [second = ""] = entryFiles(job.sandbox.cacheDirectory).filter((file) => file !== first);
    writeFileSync(second, readFileSync(first));
    expect(await requestsOf(() => run("--duration-seconds", "1800"))).toEqual({ token: 1, sts: 1 });
  });

  it("in the renewal window it is renewed", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    const requests = await requestsOf(async () =>
      expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId),
    );
    expect(requests).toEqual({ token: 1, sts: 1 });
  });

  it("a session of 900 s is renewed in its second half, not in its last 15 minutes", async () => {
    await warmUp(job);
    ageEntry(entry(), 460_000, 900_000);
    expect(await requestsOf(() => run())).toEqual({ token: 0, sts: 0 });
    ageEntry(entry(), 210_000, 900_000);
    expect(await requestsOf(() => run())).toEqual({ token: 1, sts: 1 });
  });
});

describe("what is left on the disk", () => {
  for (const umask of ["000", "077", "777"]) {
    it(`is 0700 and 0600 under umask ${umask}`, async () => {
      credentialsOf(await runInShell(job.sandbox, `umask ${umask} && exec "$@"`, CREDENTIAL_PROCESS));
      const { cacheDirectory, home } = job.sandbox;
      for (const file of readdirSync(cacheDirectory, { recursive: true, withFileTypes: true })) {
        const full = path.join(file.parentPath, file.name);
        expect([full, (statSync(full).mode & 0o777).toString(8)]).toEqual([full, file.isDirectory() ? "700" : "600"]);
      }
      for (const directory of [cacheDirectory, path.join(home, ".cache")])
        expect((statSync(directory).mode & 0o777).toString(8)).toBe("700");
    });
  }

  it("names nobody: no secret, account or profile stands in a file's name", async () => {
    await warmUp(job);
    for (const name of readdirSync(job.sandbox.cacheDirectory, { recursive: true }))
      expect(String(name)).toMatch(/^(documents|entries|locks|failures|sealing-key)(\/[0-9a-f]{64}(\.done)?)?$/);
  });

  it("does not grow: what nobody touched for two days goes, and so do files of killed writers", async () => {
    await warmUp(job);
    const fresh = entry();
    const old = path.join(path.dirname(fresh), "0".repeat(64));
    const abandoned = `${old}.123-abc.tmp`;
    const threeDaysAgo = Date.now() / 1000 - 3 * 86_400;
    for (const file of [old, abandoned]) {
      writeFileSync(file, "x");
      utimesSync(file, threeDaysAgo, threeDaysAgo);
    }
    ageEntry(fresh, 1000);
    credentialsOf(await run());
    expect(readdirSync(path.dirname(old))).toHaveLength(1);
  });

  it("is nothing at all with --store none", async () => {
    expect(await requestsOf(() => Promise.all([run("--store", "none"), run("--store", "none")]))).toEqual({
      token: 2,
      sts: 2,
    });
    expect(
      readdirSync(job.sandbox.home, { recursive: true }).filter((name) => String(name).includes("entries/")),
    ).toEqual([]);
  });
});

describe("which calls share an entry", () => {
  const config = (profileName: string, lines: readonly [identity: string, profile: string] = ["", ""]) => {
    const text = readFileSync(job.configure({ identity: lines[0], profile: lines[1] }), "utf8");
    job.sandbox.configure(text.replace("[profile.billing]", `[profile.${profileName}]`));
  };

  it("a renamed profile finds its credentials again", async () => {
    config("billing");
    const minted = credentialsOf(await job.sandbox.run(["credential-process"]));
    config("invoices");
    expect(credentialsOf(await job.sandbox.run(["credential-process"]))).toEqual(minted);
  });

  it("a session name made from the profile's name is another session", async () => {
    const lines = ["", 'role_session_name = "{profile}-{hostname}"'] as const;
    config("billing", lines);
    const minted = credentialsOf(await job.sandbox.run(["credential-process"]));
    config("invoices", lines);
    expect(credentialsOf(await job.sandbox.run(["credential-process"])).AccessKeyId).not.toBe(minted.AccessKeyId);
  });

  const changes: Record<string, readonly [identity: string, profile: string]> = {
    duration: ["", "duration_seconds = 1800"],
    "session name": ["", 'role_session_name = "another"'],
    policy: ["", `policy = '{"Version":"2012-10-17","Statement":[]}'`],
    scope: ['scope = "aws"', ""],
    "a parameter": ['parameters = { tenant = "b" }', ""],
    method: ['token_endpoint_auth_method = "client_secret_basic"', ""],
  };
  for (const [name, lines] of Object.entries(changes)) {
    it(`another ${name}, another entry`, async () => {
      await warmUp(job);
      config("billing", lines);
      expect(await requestsOf(async () => credentialsOf(await run()))).toEqual({ token: 1, sts: 1 });
      job.configure();
      expect(await requestsOf(async () => credentialsOf(await run()))).toEqual({ token: 0, sts: 0 });
    });
  }

  it("another region or role by flag, another entry", async () => {
    await warmUp(job);
    expect(await requestsOf(async () => credentialsOf(await run("--region", "eu-central-1")))).toEqual({
      token: 1,
      sts: 1,
    });
    const role = { ...job.world.sts.account.roles[0], arn: "arn:aws:iam::123456789012:role/ci/audit" };
    job.world.sts.account.roles.push(role as (typeof job.world.sts.account.roles)[number]);
    expect(await requestsOf(async () => credentialsOf(await run("--role-arn", role.arn)))).toEqual({
      token: 1,
      sts: 1,
    });
    expect(await requestsOf(async () => credentialsOf(await run()))).toEqual({ token: 0, sts: 0 });
  });

  it("another user's home, another cache", async () => {
    await warmUp(job);
    const other = makeSandbox();
    const env = { HOME: other.home, STS_BROKER_CONFIG: job.configure() };
    expect(await requestsOf(async () => credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env })))).toEqual({
      token: 1,
      sts: 1,
    });
    other.remove();
  });
});
