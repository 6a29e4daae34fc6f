/** One check on a fake host whose user has a configuration. */
import type { Check, DoctorContext } from "../../src/doctor/check.ts";
import { makeContext } from "../../src/doctor/context.ts";
import { examine, type ReportLine } from "../../src/doctor/examine.ts";
import type { Host } from "../../src/host/host.ts";
import { GOOD, USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, fakeHost } from "../support/fake-host.ts";

export interface Looking extends FakeHostOptions {
  readonly toml?: string;
  /** Before it looks. */
  readonly arrange?: (host: FakeHost) => void;
  /** In the place of parts of the host. */
  readonly parts?: Partial<Host>;
  readonly offline?: boolean;
}

export async function look(
  check: Check,
  { toml = GOOD, arrange, parts = {}, offline = false, ...options }: Looking = {},
): Promise<readonly ReportLine[]> {
  const host = fakeHost({ debug: false, ...options });
  host.machine.disk.file("/etc/billing.secret", "s3cret");
  host.machine.disk.file(USER, toml);
  arrange?.(host);
  const run = async (): Promise<readonly ReportLine[]> => {
    const context: DoctorContext = await makeContext({ ...host, ...parts }, undefined, offline);
    return examine([check], context);
  };
  return host.clock.run(run());
}

/** State and text of each line. */
export function said(lines: readonly ReportLine[]): string[] {
  return lines.map(({ state, detail }) => `${state}: ${detail}`);
}
