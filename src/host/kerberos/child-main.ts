/**
 * The child process that holds the Kerberos library. libkrb5 waits half a minute for a KDC that does not answer, in a native call that
 * cannot be abandoned, and process.exit waits for it (27 s, measured): a child can be killed. It also gets an environment of its own,
 * which is how GSSAPI is told of keytabs and caches, and a locale whose error texts are known.
 */
import { createInterface } from "node:readline";
import { KerberosFailure } from "../../core/kerberos-failure.ts";
import { streams } from "../streams.ts";
import { reasonOf } from "./reason.ts";
import { ANSWER_MARK, type Answer, type Request } from "./wire.ts";

interface Client {
  readonly contextComplete: boolean;
  step(challenge: string): Promise<string | null>;
}

/** What the code reads; the package's own types name another option than it does. */
interface Addon {
  readonly GSS_C_MUTUAL_FLAG: number;
  readonly GSS_MECH_OID_SPNEGO: number;
  readonly GSS_MECH_OID_KRB5: number;
  initializeClient(
    service: string,
    options: { readonly mechOID: number; readonly flags: number; readonly principal?: string },
  ): Promise<Client>;
}

/** Lives as long as its parent keeps its stdin open. */
export async function kerberosChildMain(): Promise<number> {
  const contexts = new Map<number, { client: Client; spn: string; principal: string | undefined; started: boolean }>();
  // Before it is asked for anything: the parent may still be talking to the server.
  const addon = loadAddon();
  addon.catch(() => {});

  const open = async (spn: string, principal: string | undefined, mech: "SPNEGO" | "KRB5"): Promise<Client> => {
    const { GSS_MECH_OID_SPNEGO, GSS_MECH_OID_KRB5, GSS_C_MUTUAL_FLAG, initializeClient } = await addon;
    const mechOID = mech === "SPNEGO" ? GSS_MECH_OID_SPNEGO : GSS_MECH_OID_KRB5;
    // Mutual authentication, and nothing else: no delegation.
    const flags = GSS_C_MUTUAL_FLAG;
    return initializeClient(spn, { mechOID, flags, ...(principal === undefined ? {} : { principal }) });
  };

  const serve = async (request: Request): Promise<Answer> => {
    const { id } = request;
    if (request.do === "open") {
      const { spn, principal } = request;
      contexts.set(id, { client: await open(spn, principal, "SPNEGO"), spn, principal, started: false });
      return { id, context: id };
    }
    const context = contexts.get(request.context);
    if (context === undefined) throw new KerberosFailure("unknown", "no such context");
    const answering = context.started;
    context.started = true;
    try {
      const token = (await context.client.step(request.challenge)) ?? "";
      return { id, token, complete: context.client.contextComplete };
    } catch (error) {
      if (answering) throw new KerberosFailure(reasonOf(textOf(error), true), textOf(error));
      // SPNEGO says only that no mechanism was left; the mechanism itself says why.
      if (/cannot find mechanisms/i.test(textOf(error)))
        await (await open(context.spn, context.principal, "KRB5")).step("");
      throw error;
    }
  };

  const answer = (text: Answer): void => streams.writeOut(`${ANSWER_MARK}${JSON.stringify(text)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    serve(request).then(answer, (error) => answer({ id: request.id, ...problem(error) }));
  }
  // The parent is gone. An exit would wait for the call that hangs.
  process.kill(process.pid, "SIGKILL");
  return 0;
}

type Problem = Extract<Answer, { failure: unknown }>["failure"];
type Missing = Extract<Answer, { missing: unknown }>["missing"];

class AddonMissing extends Error {
  readonly missing: Missing;
  constructor(missing: Missing) {
    super(missing.detail);
    this.missing = missing;
  }
}

function problem(error: unknown): { failure: Problem } | { missing: Missing } {
  if (error instanceof AddonMissing) return { missing: error.missing };
  if (error instanceof KerberosFailure) return { failure: { reason: error.reason, detail: error.message } };
  return { failure: { reason: reasonOf(textOf(error), false), detail: textOf(error) } };
}

/** The part that says something: GSSAPI's own words before it are always the same. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(
    /^(Unspecified GSS failure\. +Minor code may provide more information|No credentials were supplied, or[^:]*): (?=\S)/,
    "",
  );
}

async function loadAddon(): Promise<Addon> {
  try {
    const loaded = (await import("kerberos")) as unknown as Addon & { default?: Addon };
    return loaded.default ?? loaded;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const text = textOf(error);
    if (/gssapi|libkrb5|com_err/i.test(text)) {
      throw new AddonMissing({
        detail: "the system's Kerberos library cannot be loaded (libgssapi_krb5.so.2)",
        hint: "apt-get install libgssapi-krb5-2, or dnf install krb5-libs",
      });
    }
    const absent = code === "MODULE_NOT_FOUND" || code === "ERR_MODULE_NOT_FOUND";
    if (process.versions.bun !== undefined) {
      throw new AddonMissing(
        absent
          ? {
              detail: "this executable was built without Kerberos",
              hint: "take the npm package, or build it on a machine of this kind: npm run build:standalone",
            }
          : {
              detail: `the Kerberos addon cannot be loaded (${text.split("\n")[0]})`,
              hint: "it needs glibc 2.34 and libstdc++6 (Debian) or libstdc++ (RHEL)",
            },
      );
    }
    throw new AddonMissing({
      detail: absent
        ? "the optional package kerberos is not installed, or was installed without its binary"
        : "the optional package kerberos cannot be loaded",
      hint: "npm install -g kerberos@7 --allow-scripts=kerberos, which fetches or compiles it: compiling needs a C++ compiler, make, python3 and libkrb5-dev (Debian) or krb5-devel (RHEL)",
    });
  }
}
