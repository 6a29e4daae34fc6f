import { afterEach, describe, expect, it } from "vitest";
import { clock } from "../../src/host/clock.ts";
import { realHttp } from "../../src/host/http/request.ts";
import { type ListeningServer, listen } from "../support/listening-server.ts";

const MIN = 60_000;

let server: ListeningServer;
afterEach(() => server.close());

async function skewAfter(...answers: Record<string, string>[]): Promise<number | undefined> {
  server = await listen((req, res) => {
    req.resume();
    res.writeHead(200, answers.shift()).end();
  });
  const http = realHttp({}, clock, { enabled: false, debug: () => {}, warn: () => {} });
  while (answers.length > 0) await http.request({ method: "GET", url: server.url });
  http.close();
  return http.skewMs();
}

describe("how far servers' clocks are ahead", () => {
  const date = (): string => new Date(Date.now() - 10 * MIN).toUTCString();

  it("is learnt from the date of an answer", async () => {
    for (const age of [{}, { age: "0" }])
      expect(Math.round((await skewAfter({ date: date(), ...age })) ?? 0) / MIN).toBeCloseTo(-10, 0);
  });

  it("is not learnt from what a cache on the way had kept", async () => {
    expect(await skewAfter({ date: date(), age: "600" }, { date: date(), age: "not a number" })).toBeUndefined();
  });
});
