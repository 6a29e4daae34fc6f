import type dns from "node:dns";
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Resolve } from "../resolver/resolve.ts";
import { isForbiddenAddress } from "./address.ts";

type Lookup = typeof dns.lookup;

/** A resolver in the shape that node:net takes. @param check refuses an address by throwing */
export function lookupWith(resolve: Resolve, check: (host: string, address: string) => void): Lookup {
  return ((host: string, options: dns.LookupOptions, callback: (...answer: unknown[]) => void) => {
    resolve(host).then(
      (found) => {
        const wanted = options.family === 4 || options.family === 6 ? options.family : undefined;
        const addresses = found.filter(({ family }) => wanted === undefined || family === wanted);
        try {
          for (const { address } of addresses) check(host, address);
        } catch (error) {
          return callback(error);
        }
        const [chosen] = addresses;
        if (chosen === undefined) return callback(noAddress(host));
        if (options.all === true) return callback(null, addresses);
        callback(null, chosen.address, chosen.family);
      },
      (error) => callback(error),
    );
  }) as Lookup;
}

/** Refuses an answer that no identity provider can have; the check is on the address that is then connected to. */
export function refuseForbidden(host: string, address: string): void {
  if (isForbiddenAddress(address)) throw forbiddenAddress(host, address);
}

export function forbiddenAddress(host: string, address: string): BrokerError {
  return new BrokerError(
    "CONFIG_INVALID",
    `${printable(host)} is the link-local or metadata address ${address}, where no identity provider lives`,
  );
}

function noAddress(hostname: string): Error {
  const code = "ENOTFOUND";
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, hostname, syscall: "getaddrinfo" });
}
