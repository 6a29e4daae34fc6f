import { X509Certificate } from "node:crypto";
import { readIdpMetadata } from "../../assertion/saml-metadata.ts";
import { parseXml, withDescendants } from "../../assertion/xml.ts";
import { within } from "../../broker/deadline.ts";
import { printable } from "../../core/printable.ts";
import { rfc3339, spoken } from "../../core/time.ts";
import { metadataSettings, readMetadata } from "../../identity/lib/saml-metadata.ts";
import type { Check, DoctorContext, UsedIdentity } from "../check.ts";
import { type Finding, failed, ofError, ok, skipped, warning } from "../finding.ts";

const FETCH_MS = 8_000;
const SOON_MS = 30 * 86_400_000;

/** What an identity provider's SAML metadata says: who it is, where it is, and until when its certificates are good. */
export const samlMetadata: Check = {
  id: "saml-metadata",
  title: "SAML metadata",
  async run(context) {
    const saml = context.identities.filter(({ table }) => typeof table.metadata === "string");
    const found = await Promise.all(saml.map((identity) => examined(identity, context)));
    if (found.length > 0) return found.flat();
    const without = context.identities.some(({ source }) => source.yields === "saml");
    return [
      skipped(
        without ? "no identity has metadata, so AWS alone checks signatures" : "no identity uses SAML",
        {},
        without ? 'metadata = "/etc/sts-broker/idp-metadata.xml"' : undefined,
      ),
    ];
  },
};

async function examined({ name, table }: UsedIdentity, { host, offline }: DoctorContext): Promise<Finding[]> {
  const about = { identity: name };
  if (offline && /^https?:/i.test(String(table.metadata)))
    return [skipped("not fetched, since --offline asks nobody", about)];
  try {
    const settings = metadataSettings(table);
    const xml = await within(host, FETCH_MS, (signal) => readMetadata(settings, { host, signal }));
    const { entityId, certificates } = await readIdpMetadata(xml ?? "");
    const where = await signOnHosts(xml ?? "");
    const places = where.length === 0 ? "it names no place to sign on" : `sign-on at ${where.join(", ")}`;
    return [
      ok(`metadata of ${printable(entityId, 200)}: ${places}`, about),
      ...certificateLines(certificates, host.clock.nowMs(), about),
    ];
  } catch (error) {
    return [ofError(error, about)];
  }
}

async function signOnHosts(xml: string): Promise<string[]> {
  const root = await parseXml(xml.replace(/^\ufeff/, ""));
  const locations = [...withDescendants(root)].flatMap((element) => {
    const location =
      element.name === "SingleSignOnService" ? element.attributes.find(({ name }) => name === "Location") : undefined;
    return location !== undefined && URL.canParse(location.value) ? [new URL(location.value).host] : [];
  });
  return [...new Set(locations)].map((one) => printable(one, 120));
}

/** Of several that may sign, one that is good is enough: that is how they are exchanged. */
function certificateLines(pems: readonly string[], nowMs: number, about: { identity: string }): Finding[] {
  const ends = pems.map((pem) => Date.parse(new X509Certificate(pem).validTo)).sort((a, b) => b - a);
  const lastMs = ends[0] ?? 0;
  const many = ends.length > 1 ? "the last of its signing certificates" : "its signing certificate";
  const hint =
    "fetch the metadata again from the provider, here and for the SAML provider at AWS (aws iam update-saml-provider)";
  if (lastMs <= nowMs)
    return [failed(`${many} ended ${spoken(nowMs - lastMs)} ago, at ${rfc3339(lastMs)}`, hint, about)];
  const left = `${many} is good for ${spoken(lastMs - nowMs)}, until ${rfc3339(lastMs)}`;
  return [lastMs - nowMs < SOON_MS ? warning(left, hint, about) : ok(left, about)];
}
