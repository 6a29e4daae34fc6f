import { BrokerError } from "../../core/errors.ts";
import { hostOf, isLoopback } from "./address.ts";

type Env = Readonly<Record<string, string | undefined>>;

function first(env: Env, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

/**
 * NO_PROXY as curl and Go read it: `*`, host names (with or without a leading dot, they match their subdomains), optionally with a
 * port; separated by commas or white space. Addresses match literally.
 */
function exempt(noProxy: string, url: URL): boolean {
  const host = hostOf(url).toLowerCase();
  const port = url.port || "443";
  return noProxy.split(/[\s,]+/).some((entry) => {
    if (entry === "") return false;
    if (entry === "*") return true;
    const match = /^\[?(.+?)\]?(?::(\d+))?$/.exec(/^[0-9a-f:]+:[0-9a-f:]*$/i.test(entry) ? `[${entry}]` : entry);
    const name = (match?.[1] ?? entry).toLowerCase().replace(/^\*?\./, "");
    if (match?.[2] !== undefined && match[2] !== port) return false;
    return host === name || host.endsWith(`.${name}`);
  });
}

/** The proxy for a request, or undefined. Loopback never goes through one. @throws CONFIG_INVALID for a URL we cannot use */
export function proxyFor(url: URL, env: Env): URL | undefined {
  if (isLoopback(hostOf(url))) return undefined;
  const setting = first(env, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy");
  if (setting === undefined) return undefined;
  const noProxy = first(env, "NO_PROXY", "no_proxy");
  if (noProxy !== undefined && exempt(noProxy, url)) return undefined;
  let proxy: URL;
  try {
    proxy = new URL(setting.includes("://") ? setting : `http://${setting}`);
    decodeURIComponent(proxy.username + proxy.password);
  } catch {
    // The value may hold a password: it is not quoted.
    throw new BrokerError("CONFIG_INVALID", "HTTPS_PROXY is not a URL", {
      hint: "HTTPS_PROXY=http://user:password@proxy.corp.example:3128",
    });
  }
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new BrokerError(
      "CONFIG_INVALID",
      `HTTPS_PROXY has the scheme ${proxy.protocol} and only http and https proxies are supported`,
    );
  }
  return proxy;
}

/** A proxy as a person may see it: without its credentials. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}
