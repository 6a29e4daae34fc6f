import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configurationPaths, readConfiguration } from "../../src/config/files.ts";
import { type FakeHostOptions, fakeHost } from "../support/fake-host.ts";
import { configured, failure, GOOD, IDENTITY, PROFILE, resolve, SYSTEM, USER } from "./helpers.ts";

describe("the configuration files", () => {
  it.each([
    [{}, [SYSTEM, USER]],
    [{ env: { XDG_CONFIG_HOME: "/srv/c" } }, [SYSTEM, "/srv/c/sts-broker/config.toml"]],
    [{ env: { XDG_CONFIG_HOME: "c" } }, [SYSTEM, USER]],
    [{ env: { XDG_CONFIG_HOME: "" } }, [SYSTEM, USER]],
    [{ env: { STS_BROKER_CONFIG: "/srv/mine.toml", XDG_CONFIG_HOME: "/srv/c" } }, [SYSTEM, "/srv/mine.toml"]],
    [{ env: { STS_BROKER_CONFIG: "" } }, [SYSTEM, USER]],
    [{ env: { STS_BROKER_SYSTEM_CONFIG: "/opt/etc" } }, ["/opt/etc/config.toml", USER]],
    [{ home: null }, [SYSTEM]],
  ] as [FakeHostOptions, string[]][])("under %j are %j", (options, paths) => {
    expect(configurationPaths(fakeHost(options))).toEqual(paths);
  });

  it("are read system first, then its parts in order, then the user's; hidden and other files are left out", () => {
    const host = configured("");
    const { disk } = host.machine;
    for (const name of ["20-b.toml", "10-a.toml", ".hidden.toml", "c.toml.bak", "README"])
      disk.file(`/etc/sts-broker/config.d/${name}`, "", { uid: 0, mode: 0o644 });
    disk.file(SYSTEM, "", { uid: 0, mode: 0o644 });
    const parts = "/etc/sts-broker/config.d";
    expect(readConfiguration(host).files).toEqual([SYSTEM, `${parts}/10-a.toml`, `${parts}/20-b.toml`, USER]);
  });

  it("give tables of different names together, and the later of the same name whole", () => {
    const host = configured(
      '[identity.corp]\ntype = "token-file"\npath = "/run/token"\n[profile.mine]\nidentity = "corp"\n',
    );
    host.machine.disk.file(SYSTEM, GOOD, { uid: 0, mode: 0o644 });
    const { identities, profiles } = readConfiguration(host);
    expect([...profiles.keys()]).toEqual(["billing", "mine"]);
    // A user's issuer never meets the system's secret: nothing of the system's table is left.
    expect(identities.get("corp")).toEqual({ file: USER, table: { type: "token-file", path: "/run/token" } });
  });

  it("may be missing, all of them", () => expect(readConfiguration(fakeHost()).files).toEqual([]));

  it.each(["STS_BROKER_CONFIG", "STS_BROKER_SYSTEM_CONFIG"])(
    "named by %s relative to wherever we are are refused: nothing is read from the current directory",
    async (name) => {
      const error = await failure(() => readConfiguration(fakeHost({ env: { [name]: "./etc" } })));
      expect([error.code, error.message]).toEqual(["CONFIG_INVALID", `${name} must be an absolute path, not ./etc`]);
    },
  );

  it("named by STS_BROKER_CONFIG must exist", async () => {
    const error = await failure(() => readConfiguration(fakeHost({ env: { STS_BROKER_CONFIG: "/no/such" } })));
    expect([error.code, error.message]).toEqual([
      "CONFIG_MISSING",
      "/no/such does not exist (named by STS_BROKER_CONFIG)",
    ]);
  });

  it("that every user may write are refused with the chmod", async () => {
    const host = configured(GOOD);
    host.machine.disk.chmod(USER, 0o602);
    const error = await failure(() => readConfiguration(host));
    expect([error.code, error.hint]).toEqual(["CONFIG_INVALID", `chmod o-w ${USER}`]);
  });

  it("of another user are refused with the chown, and root's are not", async () => {
    const host = configured(GOOD);
    host.machine.disk.file(USER, GOOD, { uid: 0, mode: 0o644 });
    expect(readConfiguration(host).profiles.size).toBe(1);
    host.machine.disk.file(USER, GOOD, { uid: 666, mode: 0o644 });
    const error = await failure(() => readConfiguration(host));
    expect([error.message, error.hint]).toEqual([`${USER} belongs to another user (uid 666)`, `chown ana ${USER}`]);
  });

  it("that may not be read are named, with the reason", async () => {
    const host = configured(GOOD);
    host.machine.disk.file(USER, GOOD, { uid: 0, mode: 0o600 });
    expect((await failure(() => readConfiguration(host))).message).toBe(`${USER} cannot be read (permission denied)`);
    host.machine.disk.file(USER, "x".repeat(2_000_000));
    expect((await failure(() => readConfiguration(host))).message).toBe(`${USER} cannot be read (EFBIG)`);
  });

  it("in a drop-in directory that may not be listed are named", async () => {
    const host = configured(GOOD);
    host.machine.disk.directory("/etc/sts-broker/config.d", { uid: 0, mode: 0o700 });
    expect((await failure(() => readConfiguration(host))).code).toBe("CONFIG_INVALID");
  });

  it("may begin with a byte order mark and have CRLF line ends", async () => {
    const host = configured(`\ufeff${GOOD.replaceAll("\n", "\r\n")}`);
    expect((await resolve(host)).profile.role.arn).toBe("arn:aws:iam::123456789012:role/billing");
  });

  it("that are not UTF-8 are named", async () => {
    const host = configured("");
    host.machine.disk.file(USER, Uint8Array.from([0x61, 0xff, 0xfe]));
    expect((await failure(() => readConfiguration(host))).message).toBe(`${USER}: not valid UTF-8`);
  });

  it("hold no meaning in other tables than identity and profile, which only the check minds", () => {
    const host = configured(`stray = 1\n[profiles.x]\n[[profile.y]]\n${GOOD}`);
    const { unknown, profiles } = readConfiguration(host);
    expect(unknown.map(({ path }) => path.join(".")).sort()).toEqual(["profile.y", "profiles", "stray"]);
    expect([...profiles.keys()]).toEqual(["billing"]);
  });

  describe("that are not TOML", () => {
    const MARKER = "hunter2marker";
    it.each([
      `client_secret = ${MARKER}`,
      `client_secret = "${MARKER}`,
      `client_secret = '''${MARKER}`,
      `client_secret = "${MARKER}\u0001"`,
      `client_secret = "\\q${MARKER}"`,
      `client_secret = { x = "${MARKER}"`,
      `client_secret = ["${MARKER}"`,
      `client_secret = "${MARKER}" "${MARKER}"`,
      `client_secret = 12${MARKER}`,
      `${MARKER}`,
      `${MARKER} = "a"\n${MARKER} = "b"`,
      `[identity.${MARKER}]\n[identity.${MARKER}]`,
      `[identity.${MARKER}`,
      `"${MARKER}" x = 1`,
    ])("say where and never quote a value: %j", async (line) => {
      const error = await failure(() => readConfiguration(configured(`# one\n${line}\n`)));
      expect(error.code).toBe("CONFIG_INVALID");
      expect(error.message).toMatch(new RegExp(`^${USER}:[234]:\\d+: not valid TOML: `));
      expect(`${error.message} ${error.hint} ${error.cause}`).not.toContain(MARKER);
    });

    it("or nest without end say so", async () => {
      for (const toml of [`a${".a".repeat(200_000)} = 1`, `a = ${"[".repeat(5_000)}`, `a = ${"{a=".repeat(5_000)}`]) {
        const error = await failure(() => readConfiguration(configured(toml)));
        expect(error.message).toMatch(/not valid TOML|nested too deeply/);
      }
    });

    it("never end in anything but one line", () => {
      const piece = fc.constantFrom(
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "=",
        ".",
        ",",
        "\n",
        "\r",
        "#",
        "a",
        "profile",
        "identity",
        "\\",
        "1",
        "é",
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
          try {
            readConfiguration(configured(pieces.join("")));
          } catch (error) {
            expect((error as Error).name).toBe("BrokerError");
            expect((error as Error).message).not.toMatch(/[\n\r]/);
          }
        }),
        { numRuns: 400 },
      );
    });
  });

  describe("with names that JavaScript knows", () => {
    it("are inert as tables, keys and profiles", async () => {
      const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];
      const tables = names.map((name) => PROFILE.replace("billing", `${name}`)).join("\n");
      const host = configured(`${tables}\n${IDENTITY}`);
      expect([...readConfiguration(host).profiles.keys()]).toEqual(names);
      expect((await resolve(host, { profile: "__proto__" })).profile.name).toBe("__proto__");
      expect(({} as Record<string, unknown>).identity).toBeUndefined();
    });

    it.each(["__proto__", "constructor", "toString"])("are unknown keys of a profile: %s", async (name) => {
      const host = configured(`${GOOD}${name} = { role_arn = "x" }\n`);
      expect((await failure(() => resolve(host))).message).toBe(
        `${USER}:10:1: unknown key "${name}" in [profile.billing]`,
      );
    });

    it("are no profiles that exist", async () => {
      for (const name of ["__proto__", "constructor"])
        expect((await failure(() => resolve(configured(GOOD), { profile: name }))).code).toBe("PROFILE_UNKNOWN");
    });

    it("name no identity that exists", async () => {
      const host = configured(GOOD.replace('identity = "corp"', 'identity = "constructor"'));
      expect((await failure(() => resolve(host))).message).toContain("there is no [identity.constructor]");
    });
  });
});
