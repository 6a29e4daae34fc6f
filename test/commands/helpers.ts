import { run } from "../../src/main.ts";
import { GOOD, USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, fakeHost } from "../support/fake-host.ts";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly host: FakeHost;
}

/** One run of the program on a host whose user has this configuration. */
export async function sts(
  argv: readonly string[],
  toml: string | undefined = GOOD,
  options: FakeHostOptions = {},
): Promise<Ran> {
  const host = fakeHost({ debug: false, ...options });
  // The check looks whether secrets can be had.
  for (const file of ["/etc/billing.secret", "/home/ana/.config/sts-broker/billing.secret"])
    host.machine.disk.file(file, "s3cret");
  if (toml !== "") host.machine.disk.file(USER, toml);
  const status = await host.clock.run(run(argv, host));
  return { status, ...host.out, host };
}
