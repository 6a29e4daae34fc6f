import { BlockList, isIP } from "node:net";
import { BrokerError } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { hostOf } from "./address.ts";

type Env = Readonly<Record<string, string | undefined>>;

function first(env: Env, ...names: string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== "") return { name, value };
  }
  return undefined;
}

/** 10.0.0.0/8, as Go takes it; a host name is in no network. */
function inNetwork(host: string, network: string): boolean {
  const [address = "", prefix = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(prefix)) return false;
  const list = new BlockList();
  try {
    list.addSubnet(address, Number(prefix), family === 6 ? "ipv6" : "ipv4");
  } catch {
    return false;
  }
  return list.check(host, family === 6 ? "ipv6" : "ipv4");
}

/**
 * NO_PROXY as curl and Go read it: `*`, host names (with or without a leading dot, they match their subdomains), optionally with a
 * port, addresses and networks (10.0.0.0/8); separated by commas or white space.
 */
function exempt(noProxy: string, url: URL): boolean {
  const host = hostOf(url).toLowerCase();
  const port = url.port || "443";
  return noProxy.split(/[\s,]+/).some((entry) => {
    if (entry === "") return false;
    if (entry === "*") return true;
    if (entry.includes("/")) return inNetwork(host, entry);
    const match = /^\[?(.+?)\]?(?::(\d+))?$/.exec(/^[0-9a-f:]+:[0-9a-f:]*$/i.test(entry) ? `[${entry}]` : entry);
    const name = (match?.[1] ?? entry).toLowerCase().replace(/^\*?\./, "");
    if (match?.[2] !== undefined && match[2] !== port) return false;
    return host === name || host.endsWith(`.${name}`);
  });
}

/** The proxy for a request, or undefined. Loopback never goes through one. @throws CONFIG_INVALID for a URL we cannot use */
export function proxyFor(url: URL, env: Env): URL | undefined {
  if (isLoopbackUrl(url)) return undefined;
  const setting = first(env, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy");
  if (setting === undefined) return undefined;
  const noProxy = first(env, "NO_PROXY", "no_proxy");
  if (noProxy !== undefined && exempt(noProxy.value, url)) return undefined;
  const { name, value } = setting;
  let proxy: URL;
  try {
    proxy = new URL(value.includes("://") ? value : `http://${value}`);
    decodeURIComponent(proxy.username + proxy.password);
  } catch {
    // The value may hold a password: it is not quoted.
    throw new BrokerError("CONFIG_INVALID", `${name} is not a URL`, {
      hint: `${name}=http://user:password@proxy.corp.example:3128`,
    });
  }
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new BrokerError(
      "CONFIG_INVALID",
      `${name} has the scheme ${proxy.protocol} and only http and https proxies are supported`,
    );
  }
  return proxy;
}

/** A proxy as a person may see it: without its credentials. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}
