/**
 * npm run bench: figures of one run on one machine, as ratios, since the machine decides about milliseconds. Both sides of a ratio have
 * the same clean environment and run in turn.
 */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { startMainJob } from "../support/main-job.ts";
import { programUnderTest, runProgram } from "../support/program.ts";
import { startKeyring } from "../system/servers/keyring.ts";
import { benchCompletion } from "./completion.ts";
import { benchFirstFrame } from "./first-frame.ts";
import { benchKerberos } from "./kerberos.ts";
import { type Command, interleaved, residentMiB, together } from "./timing.ts";

const ROUNDS = Number(process.argv[2] ?? 60);
const say = (line = ""): void => void process.stdout.write(`${line}\n`);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** The three round trips of a cold call with nothing around them: discovery, token, STS. */
async function roundTrips(job: Awaited<ReturnType<typeof startMainJob>>): Promise<number> {
  const { op, sts, roleArn } = job.world;
  const { clientId, clientSecret } = op.clients.secretPost;
  const agent = new http.Agent({ keepAlive: true });
  const send = (url: string, form?: Record<string, string>): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
      const request = http.request(url, { method: form === undefined ? "GET" : "POST", headers, agent }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve(text));
      });
      request.on("error", reject);
      request.end(form === undefined ? undefined : new URLSearchParams(form).toString());
    });
  const startMs = performance.now();
  await send(`${op.issuer}/.well-known/openid-configuration`);
  const grant = {
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    audience: "sts.amazonaws.com",
  };
  const { access_token: token = "" } = JSON.parse(await send(op.tokenEndpoint, grant)) as { access_token?: string };
  const call = {
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: roleArn,
    RoleSessionName: "bench",
    WebIdentityToken: token,
  };
  if (!(await send(sts.url, call)).includes("AccessKeyId")) throw new Error("the bare calls were refused");
  const tookMs = performance.now() - startMs;
  agent.destroy();
  return tookMs;
}

/** Says why where it does not. */
async function works({ name, argv, env }: Command): Promise<boolean> {
  const { stderr } = await runProgram(argv, env);
  if (stderr !== "") say(`${name}: skipped, ${stderr.trim()}`);
  return stderr === "";
}

const SHARED_MEMORY = "/dev/shm";

/** A private directory on a tmpfs. */
function temporaryMemory(): string | undefined {
  return existsSync(SHARED_MEMORY) ? mkdtempSync(`${SHARED_MEMORY}/sts-broker-bench-`) : undefined;
}

async function bench(): Promise<void> {
  const job = await startMainJob();
  const keyring = await startKeyring().catch((error: unknown) => {
    say(`keychain: skipped, no gnome-keyring here (${error instanceof Error ? error.message.split("\n")[0] : error})`);
    return undefined;
  });
  const memory = temporaryMemory();
  try {
    const { sandbox } = job;
    const { PATH = "" } = sandbox.env;
    const env = { PATH, HOME: sandbox.home, STS_BROKER_SYSTEM_CONFIG: `${sandbox.home}/etc` };
    const argv = [...programUnderTest(), "credential-process", "--profile", "billing"];
    const bare: Command = { name: "node -e 0", argv: [process.execPath, "-e", "0"], env: { PATH } };
    const file: Command = { name: "cached, store file", argv: [...argv, "--store", "file"], env };
    const auto: Command = { name: "cached, store auto without D-Bus", argv: [...argv, "--store", "auto"], env };
    const commands = [bare, file, auto];
    // Its key stays in the kernel for three days; it is the one that sts-broker would make for this user anyway.
    const kernel: Command = { name: "cached, store kernel", argv: [...argv, "--store", "kernel"], env };
    if (await works(kernel)) commands.push(kernel);
    if (memory === undefined) say("runtime: skipped, no /dev/shm here");
    else {
      const runtime = {
        name: "cached, store runtime",
        argv: [...argv, "--store", "runtime"],
        env: { ...env, XDG_RUNTIME_DIR: memory },
      };
      if (await works(runtime)) commands.push(runtime);
    }
    if (keyring !== undefined) {
      const bus = { DBUS_SESSION_BUS_ADDRESS: keyring.env.DBUS_SESSION_BUS_ADDRESS };
      commands.push({
        name: "cached, store keychain",
        argv: [...argv, "--store", "keychain"],
        env: { ...env, ...bus },
      });
    }

    // The servers live in this process, which the timing blocks: everything timed in turn has to be in its cache already.
    for (const command of commands.slice(1)) {
      const { status, stderr } = await runProgram(command.argv, command.env);
      if (status !== 0 || stderr !== "") throw new Error(`${command.name}: ${stderr}`);
    }

    say(
      `cached credential-process against bare Node ${process.version} (${ROUNDS} rounds, in turn; median, lower quartile)`,
    );
    const [base, ...timings] = interleaved(commands, ROUNDS);
    say(`  ${"node -e 0".padEnd(36)} ${ms(base?.medianMs ?? 0)}`);
    for (const { name, medianMs, quartileMs } of timings) {
      const ratio = `${(medianMs / (base?.medianMs ?? 1)).toFixed(2)} x, ${(quartileMs / (base?.quartileMs ?? 1)).toFixed(2)} x`;
      say(`  ${name.padEnd(36)} ${ms(medianMs).padEnd(10)} ${ratio}`);
    }

    const forget = (): void => rmSync(`${sandbox.cacheDirectory}/entries`, { recursive: true, force: true });
    const cold: number[] = [];
    const trips: number[] = [];
    for (let round = 0; round < Math.max(5, ROUNDS / 6); round++) {
      forget();
      cold.push((await sandbox.run(["credential-process", "--store", "file"])).tookMs);
      trips.push(await roundTrips(job));
    }
    const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
    say("cold credential-process against its three round trips alone (loopback)");
    say(
      `  round trips ${ms(median(trips))}, whole process ${ms(median(cold))}, of which ${ms(base?.medianMs ?? 0)} are Node's start`,
    );

    say("memory (largest resident size)");
    for (const command of [bare, file])
      say(
        `  ${command.name.padEnd(36)} ${(await residentMiB(command))?.toFixed(0) ?? "skipped, no /usr/bin/time"} MiB`,
      );
    forget();
    say(`  ${"cold".padEnd(36)} ${(await residentMiB(file))?.toFixed(0) ?? "skipped, no /usr/bin/time"} MiB`);

    for (const count of [200, 1_000]) {
      say(`${count} processes at once`);
      forget();
      const before = job.counts();
      const rush = await together(count, file);
      const after = job.counts();
      const calls = `${after.token - before.token} token request, ${after.sts - before.sts} STS call`;
      say(`  cold ${ms(rush.tookMs)}: ${calls}, ${rush.failed} failed, ${rush.outputs.size} answer`);
      const again = await together(count, file);
      const idle = await together(count, bare);
      say(
        `  warm ${ms(again.tookMs)}: ${again.failed} failed; ${count} times node -e 0: ${ms(idle.tookMs)} (${(again.tookMs / idle.tookMs).toFixed(2)} x)`,
      );
    }
  } finally {
    if (memory !== undefined) rmSync(memory, { recursive: true });
    await keyring?.stop();
    await job.close();
  }
  benchCompletion(Math.max(5, Math.ceil(ROUNDS / 3)), say);
  await benchFirstFrame(Math.max(5, Math.ceil(ROUNDS / 3)), say);
  await benchKerberos(Math.max(5, Math.ceil(ROUNDS / 3)), say);
}

await bench();
// A server of a part that failed may still listen.
process.exit();
