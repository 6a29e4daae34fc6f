import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { AcquireContext } from "../source.ts";
import { absolutePath } from "./path.ts";

/** A PEM certificate (chain) from a file, read anew each time. @throws CONFIG_INVALID */
export function readCertificate(path: string, { host }: AcquireContext): string {
  const file = absolutePath(path, host);
  try {
    const bytes = host.files.read(file);
    const pem = bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    if (pem?.includes("-----BEGIN CERTIFICATE-----")) return pem;
    throw new BrokerError(
      "CONFIG_INVALID",
      `client_certificate ${printable(file)} ${pem === undefined ? "does not exist" : "holds no PEM certificate"}`,
    );
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw new BrokerError(
      "CONFIG_INVALID",
      `client_certificate ${printable(file)} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      { cause },
    );
  }
}
