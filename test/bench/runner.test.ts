import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeSystem } from "../system/servers/requirements.ts";
import { type Command, inTurn, type Runner, startRunner } from "./runner.ts";

const node = (script: string, env: Record<string, string> = {}): Command => ({
  argv: [process.execPath, "-e", script],
  env,
  cwd: tmpdir(),
});

describeSystem("the bench's runner", ["python3"], () => {
  let runner: Runner;
  beforeAll(() => {
    runner = startRunner();
  });
  afterAll(() => runner?.stop());

  test("says what a process wrote and how it ended, in the environment that it was given and no other", async () => {
    const script =
      "process.stdout.write(Object.keys(process.env).join()); console.error(process.cwd()); process.exit(3)";
    expect(await runner.run(node(script, { ONLY: "this" }))).toMatchObject({
      status: 3,
      stdout: "ONLY",
      stderr: `${tmpdir()}\n`,
    });
  });

  test("knows a child's own processor time and memory, not those of the ones before", async () => {
    const busy = await runner.run(
      node(
        "const spent = () => { const { user, system } = process.cpuUsage(); return user + system; }; while (spent() < 4e5);",
      ),
    );
    const large = await runner.run(node("Buffer.alloc(2e8, 1)"));
    const idle = await runner.run(node("0"));
    expect(busy.cpuMs).toBeGreaterThan(300);
    expect(busy.wallMs).toBeGreaterThan(300);
    expect(large.peakMb).toBeGreaterThan(200);
    expect(idle.peakMb).toBeLessThan(large.peakMb - 100);
    expect(idle.cpuMs).toBeLessThan(busy.cpuMs);
  });

  test("names a signal by its number, and makes an error of a process that failed, with its first line", async () => {
    expect((await runner.run(node("process.kill(process.pid, 'SIGKILL')"))).status).toBe(-9);
    const failing = node("console.error('first\\nsecond'); process.exit(4)");
    await expect(runner.succeed(failing)).rejects.toThrow(/ended with 4: first$/);
  });

  test("runs one after the other, whoever asks meanwhile", async () => {
    const stamp = node("console.log(Date.now()); const end = Date.now() + 50; while (Date.now() < end);");
    const started = (await Promise.all([1, 2, 3].map(() => runner.run(stamp)))).map(({ stdout }) => Number(stdout));
    expect((started[1] ?? 0) - (started[0] ?? 0)).toBeGreaterThanOrEqual(50);
    expect((started[2] ?? 0) - (started[1] ?? 0)).toBeGreaterThanOrEqual(50);
  });

  test("compares commands in turn, so that a slow moment of the machine hits all of them", async () => {
    const order: string[] = [];
    const recording = {
      succeed: async (command: Command) => {
        order.push(command.cwd);
        return { wallMs: 1, cpuMs: 1, peakMb: 1, status: 0, stdout: "", stderr: "" };
      },
    };
    const named = (cwd: string): Command => ({ ...node("0"), cwd });
    const costs = await inTurn(recording, [named("a"), named("b")], 3);
    expect(costs.map((rounds) => rounds.length)).toEqual([3, 3]);
    expect(order.slice(4).join("")).toBe("ababab");
  });
});
