import type { Provider } from "oidc-provider";

/**
 * oidc-provider warns on import (Node 20) and on construction (its in-memory store); a test's output should be the test's. Only its
 * own lines are dropped, so that two providers started at once cannot silence the console for good.
 */
export async function newProvider(issuer: string, configuration: Record<string, unknown>): Promise<Provider> {
  const { warn, info } = console;
  const without =
    (print: (...args: unknown[]) => void) =>
    (...args: unknown[]): void => {
      if (!String(args[0]).includes("oidc-provider ")) print(...args);
    };
  console.warn = without(warn);
  console.info = without(info);
  try {
    const { Provider } = await import("oidc-provider");
    return new Provider(issuer, configuration);
  } finally {
    console.warn = warn;
    console.info = info;
  }
}
