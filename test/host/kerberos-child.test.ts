import { expect, test } from "vitest";
import { startKerberosChild } from "../../src/host/kerberos/child-process.ts";

const QUESTION = { do: "open", spn: "HTTP@idp.corp.example" } as const;

// It once ended in kill(0, SIGKILL), which takes this test run and its shell along.
test("a helper that cannot be started harms nobody when the deadline is over already", async () => {
  const child = startKerberosChild(["/no/such"], {}, false);
  await expect(child.ask(QUESTION, { signal: AbortSignal.abort() })).rejects.toMatchObject({ reason: "no-answer" });
  expect(child.ended).toBe(true);
});

test("a helper that cannot be started says so", async () => {
  const child = startKerberosChild(["/no/such"], {}, false);
  await expect(child.ask(QUESTION, {})).rejects.toMatchObject({ reason: "unknown" });
});
