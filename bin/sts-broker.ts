import { KERBEROS_CHILD } from "../src/host/kerberos/child-argument.ts";
import { KEYCHAIN_CHILD } from "../src/host/keychain/child-argument.ts";
import { realHost } from "../src/host/real-host.ts";
import { RESOLVER_CHILD } from "../src/host/resolver/child-argument.ts";
import { selfCommand } from "../src/host/self.ts";
import { run } from "../src/main.ts";

/** --debug has to count before the command line is parsed, since the host's log is made from it. */
function debugSetting(argv: readonly string[]): string | undefined {
  const end = argv.indexOf("--");
  const ours = end < 0 ? argv : argv.slice(0, end);
  return ours.includes("--debug") ? (process.env.STS_BROKER_DEBUG ?? "1") : process.env.STS_BROKER_DEBUG;
}

// A library that a later Node finds old is nothing to whoever reads our stderr: samlify's url.parse() is, from Node 24 on.
process.noDeprecation = true;

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (argv[0] === KEYCHAIN_CHILD) {
    const { keychainChildMain } = await import("../src/host/keychain/child-main.ts");
    return keychainChildMain();
  }
  if (argv[0] === KERBEROS_CHILD) {
    const { kerberosChildMain } = await import("../src/host/kerberos/child-main.ts");
    return kerberosChildMain();
  }
  if (argv[0] === RESOLVER_CHILD) {
    const { resolverChildMain } = await import("../src/host/resolver/child-main.ts");
    return resolverChildMain(argv[1] ?? "");
  }
  return run(argv, realHost(debugSetting(argv), selfCommand()));
}

// Sockets kept alive must not keep the process.
main().then((code) => process.exit(code));
