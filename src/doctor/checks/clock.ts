import { EXIT } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { spoken } from "../../core/time.ts";
import type { Check, DoctorContext, Server } from "../check.ts";
import { type Finding, failed, ok, skipped, warning } from "../finding.ts";

const NOTABLE_MS = 60_000;
/** Kerberos refuses more, and so does the signature of every call that AWS tools make afterwards. */
const TOLERATED_MS = 290_000;

/** This machine's clock against what each server says in its Date header. */
export const clock: Check = {
  id: "clock",
  title: "clock",
  network: true,
  async run(context) {
    if (context.servers.length === 0) return [skipped("no server is known to ask for the time")];
    return Promise.all(context.servers.map((server) => compared(server, context)));
  },
};

async function compared({ url, host: name, role, tls, about }: Server, { get }: DoctorContext): Promise<Finding> {
  const who = `${role} ${printable(name, 120)}`;
  const answer = await get(url, tls);
  if (!answer.ok) return skipped(`${who} did not answer`, about);
  const serverMs = Date.parse(answer.response.headers.date ?? "");
  if (Number.isNaN(serverMs)) return skipped(`${who} does not say what time it is`, about);
  // The header counts whole seconds: half a second is the best guess of the rest.
  const aheadMs = serverMs + 500 - answer.atMs;
  if (Math.abs(aheadMs) < NOTABLE_MS) return ok(`agrees with the ${who}`, about);
  const line = `this machine's clock is ${spoken(aheadMs)} ${aheadMs > 0 ? "behind" : "ahead of"} the ${who}`;
  const hint = "timedatectl set-ntp true";
  return Math.abs(aheadMs) < TOLERATED_MS ? warning(line, hint, about) : failed(line, hint, about, EXIT.usage);
}
