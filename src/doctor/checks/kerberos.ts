import { within } from "../../broker/deadline.ts";
import { BrokerError } from "../../core/errors.ts";
import { KerberosFailure } from "../../core/kerberos-failure.ts";
import { printable } from "../../core/printable.ts";
import type { Host } from "../../host/host.ts";
import { kerberosError } from "../../identity/lib/kerberos-error.ts";
import type { Check, DoctorContext, UsedIdentity } from "../check.ts";
import { type About, codeOf, type Finding, ofError, ok, skipped, warning } from "../finding.ts";
import { heldInCache, heldInKeytab } from "../kerberos-held.ts";
import { kerberosOf, type UsedKerberos } from "../kerberos-of.ts";
import { type Krb5Conf, readKrb5Conf } from "../krb5-conf.ts";

const CONNECT_MS = 4_000;
/** libkrb5 asks one KDC after the other. */
const TICKET_MS = 16_000;
const MOST_KDCS = 4;
const KDC_PORT = 88;

/** From krb5.conf to a ticket for the provider: what there is on the way, and the KDC's own answer. No kinit, and nothing is kept. */
export const kerberos: Check = {
  id: "kerberos",
  title: "Kerberos",
  async run(context) {
    const used = context.identities.flatMap((identity) => {
      const found = kerberosOf(identity, context.host);
      return found === undefined ? [] : [{ identity, found }];
    });
    if (used.length === 0) return [skipped("no identity uses it")];
    const conf = readKrb5Conf(context.host);
    const lines = await Promise.all(used.map(({ identity, found }) => examined(identity, found, conf, context)));
    return [...confLines(conf), ...lines.flat()];
  },
};

function confLines({ files, defaultRealm, includes }: Krb5Conf): Finding[] {
  if (files.length === 0)
    return [
      warning(
        "there is no krb5.conf: the realm and its KDCs come from DNS alone",
        "apt-get install krb5-config, or KRB5_CONFIG=/path/to/krb5.conf",
      ),
    ];
  const where = files.map((one) => printable(one)).join(", ");
  if (defaultRealm !== undefined) return [ok(`${where}: default realm ${printable(defaultRealm, 120)}`)];
  const also = includes ? " (files that it includes are not looked at)" : "";
  return [warning(`${where} names no default realm${also}`, "[libdefaults] default_realm = CORP.EXAMPLE in krb5.conf")];
}

async function examined(
  { name }: UsedIdentity,
  used: UsedKerberos,
  conf: Krb5Conf,
  { host, offline }: DoctorContext,
): Promise<Finding[]> {
  const about = { identity: name };
  const { keytab, gssproxy } = used.credentials;
  const held =
    gssproxy === true
      ? { principal: undefined, lines: [ok("gssproxy holds the keytab, which is not looked at", about)] }
      : keytab === undefined
        ? heldInCache(used, host, about)
        : heldInKeytab(keytab, used, host, about);
  if (offline) return [...held.lines, skipped("no KDC is asked, since --offline asks nobody", about)];
  const principal = used.credentials.principal ?? held.principal;
  const realm = principal === undefined ? conf.defaultRealm : principal.slice(principal.lastIndexOf("@") + 1);
  const [kdcs, ticket] = await Promise.all([kdcLines(realm, conf, host, about), ticketLine(used, host, about)]);
  return [...held.lines, ...kdcs, ticket];
}

async function kdcLines(realm: string | undefined, conf: Krb5Conf, host: Host, about: About): Promise<Finding[]> {
  if (realm === undefined) return [];
  const kdcs = conf.kdcs.get(realm) ?? [];
  const shown = printable(realm, 120);
  if (kdcs.length === 0)
    return [ok(`krb5.conf names no KDC of ${shown}, so DNS is asked for _kerberos._tcp.${shown.toLowerCase()}`, about)];
  return Promise.all(
    kdcs.slice(0, MOST_KDCS).map(async (kdc): Promise<Finding> => {
      const [, name = kdc, port] = /^(?:tcp\/|udp\/)?\[?([^\]]+?)\]?(?::(\d+))?$/.exec(kdc) ?? [];
      const startMs = host.clock.monotonicMs();
      const at = printable(kdc, 120);
      try {
        await host.probe.connect(name, Number(port ?? KDC_PORT), CONNECT_MS);
        return ok(
          `the KDC ${at} of ${shown} takes connections, in ${Math.round(host.clock.monotonicMs() - startMs)} ms`,
          about,
        );
      } catch (error) {
        return warning(
          `the KDC ${at} of ${shown} takes no TCP connection (${codeOf(error)})`,
          "check [realms] in krb5.conf, and that the firewall lets port 88 through",
          about,
        );
      }
    }),
  );
}

/** A service ticket, as the login would begin; the token is not sent to anybody. */
async function ticketLine({ credentials, server }: UsedKerberos, host: Host, about: About): Promise<Finding> {
  if (server === undefined)
    return skipped("only the metadata says whom a ticket is for; the dry run asks for it", about);
  const { spn } = server;
  const startMs = host.clock.monotonicMs();
  try {
    await within(host, TICKET_MS, async (signal) =>
      (await host.kerberos.open(spn, credentials, { signal })).step(undefined),
    );
    const tookMs = Math.round(host.clock.monotonicMs() - startMs);
    return ok(`a ticket for ${printable(spn, 160)} was got in ${tookMs} ms`, about);
  } catch (error) {
    if (error instanceof KerberosFailure)
      return ofError(kerberosError(error, { ...server, credentials, skewMs: host.http.skewMs() }), about);
    if (error instanceof BrokerError && error.code === "ADDON_MISSING")
      return skipped(`no ticket is asked for: ${error.message}`, about);
    return ofError(error, about);
  }
}
