import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SimulatedSts, startSimulatedSts } from "./simulated-sts/server.ts";

let sts: SimulatedSts;
beforeEach(async () => {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  sts = await startSimulatedSts();
});
afterEach(() => sts.close());

function post(action = "GetCallerIdentity"): Promise<Response> {
  const body = new URLSearchParams({ Action: action, Version: "2011-06-15" });
  return fetch(sts.url, { method: "POST", body, headers: { "user-agent": "test/1" } });
}

describe("the controls of the simulated STS", () => {
  it("throttle so many calls, with Retry-After, and then let them through", async () => {
    sts.throttle(2, { retryAfterSeconds: 3 });
    const first = await post();
    expect([first.status, first.headers.get("retry-after")]).toEqual([400, "3"]);
    expect(await first.text()).toMatch(/<Code>Throttling<\/Code>\s+<Message>Rate exceeded<\/Message>/);
    await post();
    expect(await (await post()).text()).toContain("MissingAuthenticationToken");
    expect(sts.calls.map(({ code }) => code)).toEqual(["Throttling", "Throttling", "MissingAuthenticationToken"]);
    expect(sts.calls[0]).toMatchObject({ userAgent: "test/1", authorized: false });
  });

  it("are understood by the SDK, which retries what it should", async () => {
    const client = new STSClient({ region: "eu-west-1", endpoint: sts.url, maxAttempts: 3 });
    sts.throttle(1);
    sts.status(503, { times: 1 });
    const command = new AssumeRoleWithWebIdentityCommand({
      RoleArn: "arn:aws:iam::123456789012:role/a",
      RoleSessionName: "job",
      WebIdentityToken: "opaque",
    });
    await expect(client.send(command)).rejects.toMatchObject({ name: "InvalidIdentityTokenException" });
    expect(sts.calls.map(({ code }) => code)).toEqual(["Throttling", "ServiceUnavailable", "InvalidIdentityToken"]);
    client.destroy();
  });

  it("stall until the server is closed, and cut", async () => {
    sts.cut({ times: 1 });
    await expect(post()).rejects.toThrow();
    sts.stall();
    const outcome = expect(post()).rejects.toThrow();
    await expect.poll(() => sts.count()).toBe(2);
    await sts.close();
    await outcome;
    expect(sts.calls.map(({ code }) => code)).toEqual(["reset", "hang"]);
  });

  it("answer with any error, with a web page, or late; by action, until cleared", async () => {
    sts.respond("RegionDisabledException", "STS is not activated", 403, { action: "AssumeRole" });
    const refused = await post("AssumeRole");
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("RegionDisabledException")]);
    expect((await post()).status).toBe(403);
    expect(sts.calls.at(-1)?.code).toBe("MissingAuthenticationToken");
    sts.html({ times: 1 });
    expect((await post()).headers.get("content-type")).toContain("text/html");
    sts.delay(5, { times: 1 });
    expect(await (await post()).text()).toContain("MissingAuthenticationToken");
    sts.clear();
    await post("AssumeRole");
    expect(sts.calls.at(-1)?.code).toBe("MissingAuthenticationToken");
    expect([sts.count(), sts.count("AssumeRole")]).toEqual([5, 2]);
  });

  it("lie about the date", async () => {
    sts.setDateSkewMs(3_600_000);
    const date = Date.parse((await post()).headers.get("date") ?? "");
    expect(Math.abs(date - 3_600_000 - Date.now())).toBeLessThan(5_000);
  });

  it("give sessions tokens as long as asked, always with + / and =", async () => {
    const long = await startSimulatedSts({ sessionTokenLength: 4096 });
    const session = { expiresAtMs: 0, roleArn: "", assumedRoleArn: "", assumedRoleId: "", account: "", tags: {} };
    const minted = long.account.credentials.mint({ ...session, transitiveTagKeys: [], sourceIdentity: undefined });
    await long.close();
    expect(minted.sessionToken).toHaveLength(4096);
    expect(minted.sessionToken).toMatch(/^IQoJb3JpZ2luX2Vj[A-Za-z0-9+/]*\+\/[A-Za-z0-9+/]*==$/);
  });
});
