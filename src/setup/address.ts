import { BrokerError } from "../core/errors.ts";
import { isLoopbackUrl } from "../core/loopback.ts";
import { printable } from "../core/printable.ts";

const DISCOVERY = /\/\.well-known\/openid-configuration$/;

/** The address of an identity provider as a person pastes it: https added where nothing stands, the discovery document's path taken off. */
export function providerAddress(text: string): URL {
  const given = text.trim();
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `https://${given}`;
  const shown = printable(given, 120);
  if (given === "" || !URL.canParse(full)) throw wrong(`"${shown}" is not the address of an identity provider`);
  const url = new URL(full);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackUrl(url)))
    throw wrong(`"${shown}" does not start with https://, and nothing else is spoken (plain http only to loopback)`);
  if (url.username !== "" || url.password !== "") throw wrong("the address must not hold a user name or password");
  url.hash = "";
  url.pathname = url.pathname.replace(DISCOVERY, "");
  return url;
}

function wrong(message: string): BrokerError {
  return new BrokerError("USAGE", message, { hint: "--issuer https://idp.corp.example/realms/prod, for example" });
}
