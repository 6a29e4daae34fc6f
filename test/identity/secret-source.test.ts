import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { readSecret, secretSource } from "../../src/identity/lib/secret-source.ts";
import { failure } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, fakeHost, type KeychainState } from "../support/fake-host.ts";

const FILE = "/etc/billing.secret";
const MARKER = "hunter2marker";
const context = (host: FakeHost) => ({ host, signal: new AbortController().signal });

async function read(
  host: FakeHost,
  table: Parameters<typeof secretSource>[0],
  lines: "one" | "many" = "one",
): Promise<string> {
  const source = secretSource(table);
  if (source === undefined) throw new Error("no source");
  return (await readSecret(source, "client_secret", lines, context(host))).reveal();
}
function withFile(
  content: string | Uint8Array,
  file: { uid?: number; mode?: number } = {},
  options: FakeHostOptions = {},
): FakeHost {
  const host = fakeHost(options);
  host.machine.disk.file(FILE, content, file);
  return host;
}

describe("a secret from a file", () => {
  it.each([
    [`${MARKER}\n`, MARKER],
    [`${MARKER}\r\n`, MARKER],
    [MARKER, MARKER],
    [` ${MARKER} \n`, ` ${MARKER} `],
  ])("loses one line end and nothing else: %j", async (content, value) => {
    expect(await read(withFile(content), { file: FILE })).toBe(value);
  });

  it("may be named from the home", async () => {
    const host = fakeHost();
    host.machine.disk.file("/home/ana/s", MARKER);
    expect(await read(host, { file: "~/s" })).toBe(MARKER);
    const homeless = await failure(() => read(fakeHost({ home: null }), { file: "~/s" }));
    expect([homeless.code, homeless.message]).toEqual(["CONFIG_INVALID", "~/s: this user has no home directory"]);
  });

  it.each([
    [1000, 0o600, undefined],
    [1000, 0o400, undefined],
    [1000, 0o640, `chmod 600 ${FILE}`],
    [1000, 0o604, `chmod 600 ${FILE}`],
    [1000, 0o666, `chmod 600 ${FILE}`],
    [0, 0o644, `sudo chmod 640 ${FILE}`],
    [0, 0o660, `sudo chmod 640 ${FILE}`],
  ])("of uid %i with mode %o: %s", async (uid, mode, hint) => {
    const host = withFile(MARKER, { uid, mode });
    if (hint === undefined) return expect(await read(host, { file: FILE })).toBe(MARKER);
    const error = await failure(() => read(host, { file: FILE }));
    expect([error.code, error.exitCode, error.hint]).toEqual(["SECRET_EXPOSED", 2, hint]);
    expect(error.message).toContain(`(mode 0${mode.toString(8)})`);
  });

  it("of root that may not be read names who has to be able to", async () => {
    const error = await failure(() => read(withFile(MARKER, { uid: 0, mode: 0o600 }), { file: FILE }));
    expect([error.code, error.message, error.hint]).toEqual([
      "SECRET_UNAVAILABLE",
      `client_secret: ${FILE} cannot be read (permission denied)`,
      "the user ana has to be able to read it",
    ]);
  });

  it.each([
    ["", "is empty"],
    ["\n", "is empty"],
    [`${MARKER}\n\n`, "holds a control character"],
    [`${MARKER}\u001b[31m`, "holds a control character"],
    [`${MARKER}\0`, "holds a control character"],
    [Uint8Array.from([0xff, 0xfe]), "is not UTF-8 text"],
    ["x".repeat(70_000), "cannot be read (EFBIG)"],
  ])("that cannot be one is refused and not quoted: %#", async (content, said) => {
    const error = await failure(() => read(withFile(content), { file: FILE }));
    expect([error.code, error.message]).toEqual(["SECRET_UNAVAILABLE", `client_secret: ${FILE} ${said}`]);
    expect(`${error.message}${error.hint}`).not.toContain(MARKER);
  });

  it("may have several lines where it is a key", async () => {
    expect(await read(withFile("a\nb\n"), { file: FILE }, "many")).toBe("a\nb");
    expect((await failure(() => read(withFile("a\0b"), { file: FILE }, "many"))).code).toBe("SECRET_UNAVAILABLE");
  });

  it("that does not exist, or is a directory, is named", async () => {
    expect((await failure(() => read(fakeHost(), { file: FILE }))).message).toBe(
      `client_secret: ${FILE} does not exist`,
    );
    const host = fakeHost();
    host.machine.disk.directory(FILE, { mode: 0o700 });
    expect((await failure(() => read(host, { file: FILE }))).message).toBe(
      `client_secret: ${FILE} cannot be read (EINVAL)`,
    );
  });
});

describe("a secret from elsewhere", () => {
  it("comes from the environment", async () => {
    expect(await read(fakeHost({ env: { S: MARKER } }), { env: "S" })).toBe(MARKER);
    const unset = await failure(() => read(fakeHost(), { env: "S" }));
    expect([unset.code, unset.message]).toEqual([
      "SECRET_UNAVAILABLE",
      "client_secret: the environment variable S is not set",
    ]);
    expect((await failure(() => read(fakeHost({ env: { S: "" } }), { env: "S" }))).message).toContain("is empty");
  });

  it("comes from systemd, whose files may be group-readable", async () => {
    const host = fakeHost({ env: { CREDENTIALS_DIRECTORY: "/run/credentials/x.service" } });
    host.machine.disk.file("/run/credentials/x.service/billing", MARKER, { mode: 0o440 });
    expect(await read(host, { credential: "billing" })).toBe(MARKER);
    expect((await failure(() => read(host, { credential: "other" }))).message).toContain("does not exist");
    for (const name of ["../x", "a/b", "..", "."])
      expect((await failure(() => read(host, { credential: name }))).message).toContain(
        "is not the name of a credential",
      );
    const outside = await failure(() => read(fakeHost(), { credential: "billing" }));
    expect([outside.code, outside.hint]).toEqual(["SECRET_UNAVAILABLE", "LoadCredential=billing:/path in the unit"]);
  });

  it("comes from the keychain, or says how to put it there", async () => {
    const host = fakeHost();
    await host.keychain.set("sts-broker", "billing", new Secret(MARKER));
    expect(await read(host, { keychain: "billing" })).toBe(MARKER);
    const missing = await failure(() => read(host, { keychain: "audit" }));
    expect(missing.hint).toBe("secret-tool store --label='sts-broker audit' service sts-broker account audit");
  });

  it.each(["absent", "locked", "not-answering", "addon-missing", "failed", "hanging"] as KeychainState[])(
    "is unavailable where the keychain is %s, and never falls to a weaker place",
    async (state) => {
      const host = fakeHost();
      host.keychain.state = state;
      const error = await host.clock.run(failure(() => read(host, { keychain: "billing" })));
      expect([error.code, error.exitCode]).toEqual(["SECRET_UNAVAILABLE", 2]);
    },
  );

  it("comes from a program with a scrubbed environment", async () => {
    const host = fakeHost({ env: { PATH: "/bin", AWS_SECRET_ACCESS_KEY: MARKER, GNUPGHOME: "/g", OTHER: "x" } });
    host.program("pass", () => `${MARKER}\n`);
    expect(await read(host, { command: ["pass", "show", "billing"], pass_env: ["GNUPGHOME"] })).toBe(MARKER);
    expect(host.spawned).toEqual([{ argv: ["pass", "show", "billing"], env: { PATH: "/bin", GNUPGHOME: "/g" } }]);
  });

  it.each([
    [{ status: 3 }, "client_secret: pass ended with status 3"],
    [{ status: undefined, signal: "SIGKILL" as const }, "client_secret: pass was ended by SIGKILL"],
  ])("says how the program failed, not what it was given or printed: %j", async (result, message) => {
    const host = fakeHost();
    host.program("pass", () => ({ ...result, stdout: Buffer.from(MARKER) }));
    const error = await failure(() => read(host, { command: ["pass", MARKER] }));
    expect([error.code, error.message]).toEqual(["COMMAND_FAILED", message]);
    expect(`${error.message}${error.hint}`).not.toContain(MARKER);
  });
});
