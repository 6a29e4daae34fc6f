import { describe, expect, it } from "vitest";
import { SettingError } from "../../src/core/settings.ts";
import { failure } from "../config/helpers.ts";
import { type FakeHostOptions, fakeHost } from "../support/fake-host.ts";
import { acquire } from "./helpers.ts";

const TOKEN = "e30.e30.c2ln";

describe("a token from a file", () => {
  const from = (path: string, options: FakeHostOptions = {}) => {
    const host = fakeHost(options);
    for (const file of ["/run/token", "/home/ana/token", "/run/credentials/x/token"])
      host.machine.disk.file(file, ` ${TOKEN}\r\n`, { mode: 0o644 });
    return acquire(host, { type: "token-file", path });
  };

  it.each(["/run/token", "~/token", "$CREDENTIALS_DIRECTORY/token", `\${CREDENTIALS_DIRECTORY}/token`])(
    "is read from %s, without white space around it",
    async (path) => {
      const { token, kind } = await from(path, { env: { CREDENTIALS_DIRECTORY: "/run/credentials/x" } });
      expect([kind, token.reveal()]).toEqual(["oidc", TOKEN]);
    },
  );

  it.each([
    ["$CREDENTIALS_DIRECTORY/token", "SECRET_UNAVAILABLE"],
    ["/run/none", "SECRET_UNAVAILABLE"],
    ["/run", "SECRET_UNAVAILABLE"],
  ])("named %s is %s", async (path, code) => expect((await failure(() => from(path))).code).toBe(code));

  it.each(["token", "./token", "$HOME/token", "$CREDENTIALS_DIRECTORY", ""])("may not be named %j", async (path) => {
    await expect(from(path)).rejects.toThrow(SettingError);
  });

  it("is read anew each time", async () => {
    const host = fakeHost();
    host.machine.disk.file("/run/token", "first");
    await acquire(host, { type: "token-file", path: "/run/token" });
    host.machine.disk.file("/run/token", "second");
    expect((await acquire(host, { type: "token-file", path: "/run/token" })).token.reveal()).toBe("second");
  });

  it("that may not be read, or is too large, is named", async () => {
    const host = fakeHost();
    host.machine.disk.file("/run/token", TOKEN, { uid: 0, mode: 0o600 });
    const denied = await failure(() => acquire(host, { type: "token-file", path: "/run/token" }));
    expect(denied.message).toBe("the token in /run/token cannot be read (permission denied)");
    host.machine.disk.file("/run/token", "x".repeat(65_537));
    const large = await failure(() => acquire(host, { type: "token-file", path: "/run/token" }));
    expect(large.message).toBe("the token in /run/token cannot be read (EFBIG)");
  });
});

describe("a token from a program", () => {
  it("is what it prints, without white space around it; it gets the environment that was asked for", async () => {
    const host = fakeHost({ env: { PATH: "/bin", SPIFFE: "/s", AWS_SESSION_TOKEN: "x" } });
    host.program("/opt/agent", () => `${TOKEN}\n`);
    const { token, name } = await acquire(host, {
      type: "token-command",
      command: ["/opt/agent", "-q"],
      pass_env: ["SPIFFE"],
    });
    expect([token.reveal(), name]).toEqual([TOKEN, "the token that /opt/agent printed"]);
    expect(host.spawned).toEqual([{ argv: ["/opt/agent", "-q"], env: { PATH: "/bin", SPIFFE: "/s" } }]);
  });

  it("is none when it fails, whatever it printed", async () => {
    const host = fakeHost();
    host.program("agent", () => ({ status: 1, stdout: Buffer.from(TOKEN) }));
    const error = await failure(() => acquire(host, { type: "token-command", command: ["agent"] }));
    expect([error.code, error.message]).toEqual([
      "COMMAND_FAILED",
      "agent ended with status 1 instead of printing a token",
    ]);
  });
});
