import { describe, expect, it } from "vitest";
import { pacedHttp } from "../../src/broker/paced-http.ts";
import { openPaces } from "../../src/broker/pacing.ts";
import type { BrokerError } from "../../src/core/errors.ts";
import type { HttpRequest, HttpResponse } from "../../src/host/host.ts";
import type { FakeAnswer } from "../support/fake-host/http.ts";
import { type FakeHost, type FakeMachine, fakeMachine } from "../support/fake-host.ts";

const IDP = "idp.corp.example";
const URL_OF = (path: string): string => `https://${IDP}${path}`;
const RECORDS = "/home/ana/.cache/sts-broker/throttling";
const S = 1000;
const TOTAL_MS = 45 * S;

type Answer = (host: FakeHost) => FakeAnswer;
const OK: Answer = () => ({ status: 200 });
const busy =
  (retryAfter?: string, status = 429): Answer =>
  () => ({ status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } });

/** A server that answers in order, the last answer for ever, whichever process asks. */
function server(machine: FakeMachine, ...answers: readonly Answer[]) {
  const askedAtMs: number[] = [];
  const process = (): FakeHost => {
    const host = machine.host();
    for (const method of ["GET", "POST"] as const)
      for (const path of ["/", "/token"])
        host.routes.on(method, URL_OF(path), () => {
          askedAtMs.push(machine.clock.nowMs());
          return (answers[Math.min(askedAtMs.length, answers.length) - 1] ?? OK)(host);
        });
    return host;
  };
  const send = (wanted: Partial<HttpRequest> = {}, { host = process(), budgetMs = TOTAL_MS } = {}) =>
    pacedHttp(host, openPaces(host), machine.clock.monotonicMs() + budgetMs).request({
      method: "GET",
      url: URL_OF("/"),
      ...wanted,
    });
  return { askedAtMs, send, process, count: () => askedAtMs.length };
}

const failureOf = (work: Promise<HttpResponse>): Promise<BrokerError> =>
  work.then(
    ({ status }) => {
      throw new Error(`answered ${status}`);
    },
    (error: BrokerError) => error,
  );

describe("a server that is too busy", () => {
  it("is asked again after 429, and says nothing of it", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy(), busy(), OK);
    expect([(await machine.clock.run(send())).status, count()]).toEqual([200, 3]);
  });

  it.each(["20", "Thu, 01 Jan 2026 00:00:20 GMT"])(
    "is left alone for as long as Retry-After: %s asks",
    async (asks) => {
      const machine = fakeMachine();
      const { send, askedAtMs } = server(machine, busy(asks), OK);
      expect((await machine.clock.run(send())).status).toBe(200);
      const [first = 0, second = 0] = askedAtMs;
      expect(second - first).toBeGreaterThanOrEqual(20 * S);
      expect(second - first).toBeLessThanOrEqual(30 * S);
    },
  );

  it("ends at once where the deadline leaves no room, with what it asked for", async () => {
    const machine = fakeMachine();
    const { send } = server(machine, busy("60"));
    const startMs = machine.clock.nowMs();
    const error = await machine.clock.run(failureOf(send()));
    expect(error).toMatchObject({
      code: "THROTTLED",
      exitCode: 5,
      message: `${IDP} throttles (HTTP 429), and asks to wait 60 s`,
      retryAfterMs: 60 * S,
    });
    expect(machine.clock.nowMs()).toBe(startMs);
  });

  it("is given up after six tries", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy());
    const error = await machine.clock.run(failureOf(send()));
    expect([error.code, error.message, count()]).toEqual([
      "THROTTLED",
      `${IDP} throttles (HTTP 429), after 6 tries`,
      6,
    ]);
  });

  it("is one with 503 and Retry-After; 503 alone is the source's to judge", async () => {
    const machine = fakeMachine();
    expect((await machine.clock.run(failureOf(server(machine, busy("60", 503)).send()))).code).toBe("THROTTLED");
    const other = fakeMachine();
    const down = server(other, busy(undefined, 503));
    expect([(await other.clock.run(down.send())).status, down.count()]).toEqual([503, 1]);
  });

  it.each<[string, Partial<HttpRequest>]>([
    ["a form with a password", { method: "POST", body: "user=ana&password=x" }],
    ["an authorization code", { method: "POST", url: URL_OF("/token"), body: "code=x" }],
    ["a ticket or a password in Authorization", { headers: { Authorization: "Negotiate YII=" } }],
    ["a step of a login", { repeatable: false }],
  ])("does not get %s twice", async (_, request) => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy("1"));
    expect([(await machine.clock.run(failureOf(send(request)))).code, count()]).toEqual(["THROTTLED", 1]);
  });

  it("gets a request again that its source calls repeatable", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy(), OK);
    const request = { method: "POST", headers: { authorization: "Basic eA==" }, repeatable: true } as const;
    expect([(await machine.clock.run(send(request))).status, count()]).toEqual([200, 2]);
  });
});

describe("all processes of the user together", () => {
  it("leave a server alone that asked one of them to wait a minute: the other forty-nine send nothing", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy("60"));
    await machine.clock.run(failureOf(send()));
    const errors = await machine.clock.run(Promise.all(Array.from({ length: 49 }, () => failureOf(send()))));
    expect(count()).toBe(1);
    for (const { code, message } of errors) {
      expect(code).toBe("THROTTLED");
      expect(message).toBe(`${IDP} throttles, and asks to be left alone until 2026-01-01T00:01:00Z (60 s)`);
    }
  });

  it("wait where the deadline has room for it, and then do not come at the same moment", async () => {
    const machine = fakeMachine();
    const { send, askedAtMs } = server(machine, busy("20"), OK);
    await machine.clock.run(failureOf(send({}, { budgetMs: 5 * S })));
    const startMs = machine.clock.nowMs();
    await machine.clock.run(Promise.all(Array.from({ length: 50 }, () => send())));
    const came = askedAtMs.slice(1).map((atMs) => atMs - startMs);
    expect(came).toHaveLength(50);
    expect(Math.min(...came)).toBeGreaterThanOrEqual(20 * S);
    expect(Math.max(...came)).toBeLessThanOrEqual(25 * S);
    expect(new Set(came).size).toBeGreaterThan(25);
  });

  it("have twenty retries between them, not six each", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy());
    const all = Promise.all(Array.from({ length: 60 }, () => failureOf(send())));
    const startMs = machine.clock.nowMs();
    for (const { code } of await machine.clock.run(all)) expect(code).toBe("THROTTLED");
    const recovered = (machine.clock.nowMs() - startMs) / (5 * S);
    expect(count()).toBeGreaterThanOrEqual(60 + 15);
    expect(count()).toBeLessThanOrEqual(60 + 20 + Math.ceil(recovered));
  });

  it("know each server for itself", async () => {
    const machine = fakeMachine();
    const { send, process } = server(machine, busy("60"));
    await machine.clock.run(failureOf(send()));
    const host = process();
    host.routes.on("GET", "https://sts.corp.example/", () => ({ status: 200 }));
    expect((await machine.clock.run(send({ url: "https://sts.corp.example/" }, { host }))).status).toBe(200);
  });

  it("ask again after a quarter of an hour, whatever was asked of them", async () => {
    const machine = fakeMachine();
    const { send } = server(machine, busy("86400"), OK);
    await machine.clock.run(failureOf(send()));
    await machine.clock.advance(15 * 60 * S - 1);
    expect((await machine.clock.run(failureOf(send({}, { budgetMs: 1 })))).code).toBe("THROTTLED");
    await machine.clock.advance(1);
    expect((await machine.clock.run(send())).status).toBe(200);
  });

  it("ask at once when the clock was set back", async () => {
    const machine = fakeMachine();
    const { send } = server(machine, busy("60"), OK);
    await machine.clock.run(failureOf(send()));
    machine.clock.setWall(machine.clock.nowMs() - 600 * S);
    const startMs = machine.clock.monotonicMs();
    expect((await machine.clock.run(send())).status).toBe(200);
    expect(machine.clock.monotonicMs()).toBe(startMs);
  });
});

describe("the record", () => {
  async function throttledMachine() {
    const machine = fakeMachine();
    const rig = server(machine, busy("60"), OK);
    await machine.clock.run(failureOf(rig.send()));
    const [file = ""] = machine.disk.below(RECORDS);
    return { machine, file, ...rig };
  }

  it("is one small 0600 file for each server, and gone when the server is well again", async () => {
    const { machine, file, send } = await throttledMachine();
    expect([machine.disk.mode(file), machine.disk.mode(RECORDS)]).toEqual([0o600, 0o700]);
    expect(machine.disk.text(file)).not.toContain(file);
    await machine.clock.advance(61 * S);
    await machine.clock.run(send());
    expect([machine.disk.below(RECORDS), machine.locks.held]).toEqual([[], []]);
  });

  it("is not made where nobody was throttled", async () => {
    const machine = fakeMachine();
    await machine.clock.run(server(machine, OK).send());
    expect(machine.disk.exists(RECORDS)).toBe(false);
  });

  it.each<[string, (machine: FakeMachine, file: string) => void]>([
    ["damaged", (machine, file) => machine.disk.file(file, '{"version":1,"endp')],
    ["empty", (machine, file) => machine.disk.file(file, "")],
    ["of another user", (machine, file) => machine.disk.chown(file, 0)],
    ["not readable", (machine, file) => machine.disk.fail("EIO", file, ["read"])],
  ])("that is %s stops nobody", async (_, change) => {
    const { machine, file, send } = await throttledMachine();
    change(machine, file);
    expect((await machine.clock.run(send())).status).toBe(200);
  });

  it("that cannot be written costs nothing but the common budget", async () => {
    const machine = fakeMachine();
    const { send, count } = server(machine, busy(), OK);
    machine.disk.fail("ENOSPC");
    expect([(await machine.clock.run(send())).status, count()]).toEqual([200, 2]);
  });

  it("is changed all the same when whoever holds its lock was stopped", async () => {
    const machine = fakeMachine();
    const { send } = server(machine, busy("60"));
    const stopped = machine.host();
    const name = stopped.crypto.sha256Hex(IDP).slice(0, 32);
    await stopped.locks.tryAcquire(`/home/ana/.cache/sts-broker/locks/throttling-${name}`);
    await machine.clock.run(failureOf(send()));
    expect(machine.disk.below(RECORDS)).toHaveLength(1);
  });
});
