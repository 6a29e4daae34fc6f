/** The main job, shown: real protocols, an embedded provider and a simulated STS, step by step with timings. */
import { statSync } from "node:fs";
import { startMainJob } from "../support/main-job.ts";
import type { RunResult } from "../support/program.ts";

const say = (line = ""): void => void process.stdout.write(`${line}\n`);

function expectSuccess(step: string, { status, stderr }: RunResult): void {
  if (status !== 0) throw new Error(`${step} ended with ${status}: ${stderr}`);
}

async function demo(): Promise<void> {
  const startMs = performance.now();
  const job = await startMainJob();
  try {
    const { world, sandbox } = job;
    say(
      `1. An OpenID provider at ${world.op.issuer} and a simulated STS at ${world.sts.url} are up (${(performance.now() - startMs).toFixed(0)} ms).`,
    );
    say("   The STS checks for real: signature through the provider's JWKS, audience, trust policy, SigV4.");
    const config = job.configure();
    say(`2. A configuration in a temporary home: ${config}`);

    const cold = await sandbox.run(["credential-process", "--profile", "billing"]);
    expectSuccess("the cold call", cold);
    const { AccessKeyId, Expiration } = JSON.parse(cold.stdout) as { AccessKeyId: string; Expiration: string };
    say(`3. sts-broker credential-process --profile billing    cold, ${cold.tookMs.toFixed(0)} ms`);
    say(`   discovery, client credentials, AssumeRoleWithWebIdentity: ${AccessKeyId}, valid until ${Expiration}`);
    say(`   ${JSON.stringify(job.counts())} requests so far`);

    const warm = await sandbox.run(["credential-process", "--profile", "billing"]);
    expectSuccess("the warm call", warm);
    if (warm.stdout !== cold.stdout) throw new Error("the warm call answered with other credentials");
    say(
      `4. the same again                                      warm, ${warm.tookMs.toFixed(0)} ms (of which Node's own start is most)`,
    );
    say(`   the same credentials, and still ${JSON.stringify(job.counts())} requests`);
    say(`   kept in ${sandbox.cacheDirectory}, mode ${(statSync(sandbox.cacheDirectory).mode & 0o777).toString(8)}`);

    const caller = new URL("./caller.mjs", import.meta.url).pathname;
    const ran = await sandbox.run(["exec", "--profile", "billing", "--", process.execPath, caller, world.sts.url]);
    expectSuccess("exec", ran);
    say(
      `5. sts-broker exec --profile billing -- node caller.mjs   ${ran.tookMs.toFixed(0)} ms, the AWS SDK for JavaScript asks GetCallerIdentity:`,
    );
    say(`   ${ran.stdout.trim()}`);
    const signed = world.sts.calls.at(-1);
    if (signed?.action !== "GetCallerIdentity" || signed.code !== "OK")
      throw new Error("the STS did not accept the signature");
    say("   the STS verified the signature made with the minted credentials");
  } finally {
    await job.close();
  }
  say(
    "6. Servers stopped, temporary home removed. README.md says how to set it up for your own provider and AWS account.",
  );
}

await demo();
