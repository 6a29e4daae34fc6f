import { describe, expect, it } from "vitest";
import { scrubbedEnvironment } from "../../src/host/environment.ts";
import { hostOf, isForbiddenAddress } from "../../src/host/http/address.ts";
import { proxyFor, proxyName } from "../../src/host/http/proxy.ts";
import { failure } from "../config/helpers.ts";

describe("the proxy", () => {
  const HTTPS_PROXY = "http://proxy.corp.example:3128";
  it.each([
    ["https://a.example", {}, undefined],
    ["https://a.example", { HTTPS_PROXY }, "http://proxy.corp.example:3128"],
    ["https://a.example", { https_proxy: HTTPS_PROXY }, "http://proxy.corp.example:3128"],
    ["https://a.example", { HTTPS_PROXY: "" }, undefined],
    ["https://a.example", { ALL_PROXY: HTTPS_PROXY }, "http://proxy.corp.example:3128"],
    ["https://a.example", { HTTP_PROXY: HTTPS_PROXY }, undefined],
    ["https://a.example", { HTTPS_PROXY: "proxy.corp.example:3128" }, "http://proxy.corp.example:3128"],
    ["https://a.example", { HTTPS_PROXY: "https://u:p@proxy.corp.example" }, "https://proxy.corp.example"],
    ["https://127.0.0.1:1", { HTTPS_PROXY }, undefined],
    ["http://localhost:1", { HTTPS_PROXY }, undefined],
    ["https://[::1]:1", { HTTPS_PROXY }, undefined],
  ])("for %s under %j is %s", (url, env, name) => {
    const proxy = proxyFor(new URL(url), env);
    expect(proxy === undefined ? undefined : proxyName(proxy)).toBe(name);
  });

  it.each([
    ["*", "https://a.example", true],
    ["a.example", "https://a.example", true],
    ["A.Example", "https://a.example", true],
    ["a.example", "https://b.a.example", true],
    [".a.example", "https://b.a.example", true],
    [".a.example", "https://a.example", true],
    ["*.a.example", "https://b.a.example", true],
    ["a.example", "https://ba.example", false],
    ["a.example", "https://a.example.evil.example", false],
    ["b.example, a.example", "https://a.example", true],
    ["b.example a.example", "https://a.example", true],
    [",,", "https://a.example", false],
    ["a.example:443", "https://a.example", true],
    ["a.example:8443", "https://a.example", false],
    ["a.example:8443", "https://a.example:8443", true],
    ["10.0.0.1", "https://10.0.0.1", true],
    ["10.0.0.1", "https://10.0.0.10", false],
    ["fd00::1", "https://[fd00::1]", true],
    ["[fd00::1]:443", "https://[fd00::1]", true],
    ["[fd00::1]:444", "https://[fd00::1]", false],
  ])("NO_PROXY=%s leaves out %s: %s", (noProxy, url, left) => {
    expect(proxyFor(new URL(url), { HTTPS_PROXY, NO_PROXY: noProxy }) === undefined).toBe(left);
    expect(proxyFor(new URL(url), { HTTPS_PROXY, no_proxy: noProxy }) === undefined).toBe(left);
  });

  it.each(["http://u:hunter2marker%zz@p:1", "http://[hunter2marker", "socks5://u:hunter2marker@p:1"])(
    "%s is refused, and not quoted",
    async (proxy) => {
      const error = await failure(() => proxyFor(new URL("https://a.example"), { HTTPS_PROXY: proxy }));
      expect(error.code).toBe("CONFIG_INVALID");
      expect(`${error.message}${error.hint}`).not.toContain("hunter2marker");
    },
  );
});

describe("an address", () => {
  it.each([
    "https://169.254.169.254",
    "https://169.254.170.2",
    "https://2852039166",
    "https://0xa9fea9fe",
    "https://[::ffff:169.254.169.254]",
    "https://[fe80::1]",
    "https://[fd00:ec2::254]",
    "https://100.100.100.200",
    "https://0.0.0.0",
    "https://[::]",
  ])("%s is where no identity provider lives", (url) => expect(isForbiddenAddress(hostOf(new URL(url)))).toBe(true));

  it.each([
    "https://10.0.0.1",
    "https://idp.corp.example",
    "https://[fd00::1]",
    "https://127.0.0.1",
    "https://169.253.1.1",
  ])("%s may be one", (url) => expect(isForbiddenAddress(hostOf(new URL(url)))).toBe(false));
});

describe("the environment of a child", () => {
  it("is what is known to be harmless and what was asked for, never what may be a secret", () => {
    const env = {
      PATH: "/bin",
      HOME: "/h",
      LC_ALL: "C",
      XDG_RUNTIME_DIR: "/run",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_PROFILE: "p",
      HTTPS_PROXY: "http://u:p@x",
      NODE_OPTIONS: "--require evil",
      LD_PRELOAD: "evil.so",
      STS_BROKER_PROFILE: "b",
      MY_TOKEN: "t",
      WANTED: "w",
      UNSET: undefined,
    };
    expect(scrubbedEnvironment(env, ["WANTED", "UNSET", "NONE"])).toEqual({
      PATH: "/bin",
      HOME: "/h",
      LC_ALL: "C",
      XDG_RUNTIME_DIR: "/run",
      WANTED: "w",
    });
  });
});
