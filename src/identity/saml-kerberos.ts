import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { Page } from "./lib/browser.ts";
import { KERBEROS_SETTINGS, type KerberosSettings, kerberosSettings } from "./lib/kerberos-settings.ts";
import { negotiatedRequest, prepareNegotiate } from "./lib/negotiate.ts";
import { beginSamlLogin, SAML_LOGIN_SETTINGS, type SamlLoginSettings, samlLoginSettings } from "./lib/saml-login.ts";
import { secondFactorNeeded } from "./lib/second-factor.ts";
import type { IdentitySource } from "./source.ts";

/** AD FS offers Negotiate only to agents on its WIASupportedUserAgents list, where Trident/7.0 stands by default. */
const USER_AGENT = "Mozilla/5.0 (Windows NT 10.0; Trident/7.0) sts-broker";

const SETTINGS = {
  ...SAML_LOGIN_SETTINGS,
  ...KERBEROS_SETTINGS,
  user_agent: {
    type: "string",
    summary: "User-Agent of every request; AD FS offers Negotiate only to some",
    defaultText: USER_AGENT,
  },
} as const satisfies SettingsSpec;

interface Settings extends SamlLoginSettings {
  readonly kerberos: KerberosSettings;
}

/** Single sign-on with Negotiate and no browser: the machine's keytab or a ticket is all it takes. @see RFC 4559 */
export const samlKerberos: IdentitySource<Settings> = {
  kind: "saml-kerberos",
  yields: "saml",
  summary: "SAML by Kerberos single sign-on (Negotiate), without a person, a browser or a password",
  settings: SETTINGS,
  parse: (table) => ({
    ...samlLoginSettings(table, USER_AGENT),
    kerberos: kerberosSettings(table, [table.url as string | undefined]),
  }),
  async acquire(settings, context) {
    // The ticket is fetched while the first page is.
    prepareNegotiate(settings.kerberos, context);
    let ticketSent = false;
    const login = await beginSamlLogin(settings, context, ({ hostname }) => {
      // Without a url it is the metadata, configured too, that names the host.
      const kerberos = { ...settings.kerberos, configuredHosts: [hostname] };
      return async (request) => {
        const answer = await negotiatedRequest(request, kerberos, context);
        ticketSent ||= answer.negotiate !== "not-asked";
        return answer;
      };
    });
    const arrival = await login.begin();
    if (arrival.kind === "assertion") return login.proof(arrival);
    const pages = await import("./lib/login-page.ts");
    throw refusal(arrival.page, login.idp, ticketSent, pages);
  },
};

function refusal(
  page: Page,
  idp: string,
  ticketSent: boolean,
  pages: typeof import("./lib/login-page.ts"),
): BrokerError {
  const host = printable(page.url.hostname, 120);
  const factor = pages.secondFactor(page);
  if (factor !== undefined) return secondFactorNeeded(idp, factor);
  const likely = ticketSent
    ? `a ticket was sent: the IdP has no or an outdated keytab for HTTP/${host}, or does not know the principal (klist)`
    : `it never asked for a ticket: Negotiate may be off there or for this network, user_agent or path; or the page is on a host that has to be named in kerberos_hosts (${host})`;
  if (pages.loginForm(page) !== undefined)
    return new BrokerError("IDP_REFUSED", `no single sign-on: ${idp} showed its login page`, { hint: likely });
  if (page.status === 401)
    return new BrokerError("IDP_REFUSED", `no single sign-on: ${idp} answered HTTP 401`, { hint: likely });
  const { said } = pages.refusalOf(page, undefined);
  const title = page.title === "" ? "" : ` (page "${printable(page.title, 80)}")`;
  return new BrokerError(
    ticketSent ? "IDP_REFUSED" : "IDP_INVALID_ANSWER",
    `${idp} shows a page instead of sending a SAML response for AWS${title}${said === undefined ? "" : `: "${said}"`}`,
    { hint: "check url: it is the address that ends at AWS in a browser; may this principal use AWS there?" },
  );
}
