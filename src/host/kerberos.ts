import { accessSync, constants } from "node:fs";
import { BrokerError } from "../core/errors.ts";
import { KerberosFailure } from "../core/kerberos-failure.ts";
import { scrubbedEnvironment } from "./environment.ts";
import type { Host, Kerberos, KerberosCredentials } from "./host.ts";
import { type KerberosChild, startKerberosChild } from "./kerberos/child-process.ts";

/**
 * GSSAPI through npm kerberos, in a child process: see kerberos/child-main.ts for why.
 * @param childCommand argv that starts this program as its Kerberos child
 */
export function realKerberos(host: Pick<Host, "env" | "log">, childCommand: readonly string[]): Kerberos {
  // One child for each set of credentials: it keeps the tickets that it got, and is gone with us.
  const children = new Map<string, KerberosChild>();
  const childFor = (credentials: KerberosCredentials): KerberosChild => {
    const id = JSON.stringify([credentials.principal, credentials.keytab, credentials.ccache, credentials.gssproxy]);
    let child = children.get(id);
    if (child === undefined || child.ended) {
      child = startKerberosChild(childCommand, childEnvironment(host.env, credentials), host.log.enabled);
      children.set(id, child);
    }
    return child;
  };

  return {
    prepare: (credentials) => void childFor(credentials),
    async open(spn, credentials, options = {}) {
      checkKeytab(credentials.keytab);
      const child = childFor(credentials);
      const startMs = performance.now();
      const opened = await child.ask({ do: "open", spn, principal: credentials.principal }, options);
      if (!("context" in opened)) throw unexpected(opened, credentials);
      host.log.debug("kerberos", `${spn}: library ready after ${(performance.now() - startMs).toFixed(0)} ms`);
      let mutual = false;
      return {
        async step(challenge) {
          const startMs = performance.now();
          const answer = await child.ask({ do: "step", context: opened.context, challenge: challenge ?? "" }, options);
          if (!("token" in answer)) throw unexpected(answer, credentials);
          mutual = answer.complete;
          const tookMs = (performance.now() - startMs).toFixed(0);
          host.log.debug("kerberos", `${spn}: ${challenge === undefined ? "token" : "answer checked"} in ${tookMs} ms`);
          return answer.token;
        },
        get mutual() {
          return mutual;
        },
      };
    },
  };
}

/** Before GSSAPI, which says of a keytab that it cannot read no more than that there are no credentials. */
function checkKeytab(path: string | undefined): void {
  if (path === undefined) return;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new KerberosFailure(
      "keytab-unreadable",
      code === "ENOENT" ? "no such file" : code === "EACCES" ? "permission denied" : code,
    );
  }
}

/** @see krb5.conf(5) and "MIT Kerberos environment variables"; gssproxy(8) */
function childEnvironment(env: Host["env"], { keytab, ccache, gssproxy }: KerberosCredentials): Record<string, string> {
  const passed = Object.keys(env).filter((name) => name.startsWith("KRB5") || name.startsWith("GSS"));
  const kept = scrubbedEnvironment(env, [...passed, "LD_LIBRARY_PATH"]);
  for (const name of Object.keys(kept)) if (name.startsWith("LC_") || name.startsWith("LANG")) delete kept[name];
  kept.LC_ALL = "C";
  if (ccache !== undefined) kept.KRB5CCNAME = ccache;
  if (keytab !== undefined) {
    kept.KRB5_CLIENT_KTNAME = `FILE:${keytab}`;
    // In the memory of the child alone.
    kept.KRB5CCNAME = "MEMORY:sts-broker";
  }
  if (gssproxy === true) {
    kept.GSS_USE_PROXY = "yes";
    // The interposer keeps its handle in the default cache, and would overwrite a person's tickets there.
    kept.KRB5CCNAME = "MEMORY:sts-broker";
  }
  return kept;
}

function unexpected(
  answer: Exclude<Awaited<ReturnType<KerberosChild["ask"]>>, undefined>,
  { keytab }: KerberosCredentials,
): Error {
  if ("missing" in answer) {
    return new BrokerError("ADDON_MISSING", `no Kerberos: ${answer.missing.detail}`, { hint: answer.missing.hint });
  }
  if (!("failure" in answer)) return new KerberosFailure("unknown", "the Kerberos helper answered out of turn");
  const { reason, detail } = answer.failure;
  if (keytab !== undefined && reason === "other-principal")
    return new KerberosFailure("keytab-without-principal", detail);
  if (keytab !== undefined && reason === "no-ticket")
    return new KerberosFailure("keytab-unreadable", "it holds no key");
  return new KerberosFailure(reason, detail);
}
