// The network fails, by the firewall of a namespace: packets are lost, connections reset, names unresolved. There is one outcome each
// time, in time: credentials, or one line that names who did not answer.

import { afterAll, beforeAll, expect, test } from "vitest";
import { credentialsOf, credentialsWithWarning, until } from "../bin/black-box.ts";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { programUnderTest, type RunOptions, type RunResult, standalone } from "../support/program.ts";
import { type CorporateNetwork, IDP_HOST, STS_HOST, startCorporateNetwork } from "./corporate-network.ts";
import { failureOf } from "./failing.ts";
import { startNameServer } from "./servers/name-server.ts";
import { NAMESPACE_PROGRAMS, type NetworkNamespace, openNetworkNamespace } from "./servers/network-namespace.ts";
import { describeSystem } from "./servers/requirements.ts";

/** The contract's 2 s, and the wait for a processor; still less than a silent name server keeps getaddrinfo. */
const EARLY_MS = 2_000 + 6_000;
const SLOW = { timeout: 90_000 };

interface Place {
  readonly network: CorporateNetwork;
  readonly namespace: NetworkNamespace;
  readonly idp: string;
  run(options?: RunOptions): Promise<RunResult>;
  counts(): { readonly token: number; readonly sts: number };
}

/** One network namespace around a company's servers. */
async function within(network: CorporateNetwork, act: (place: Place) => Promise<void>): Promise<void> {
  const { world, sandbox, awsCaFile } = network;
  const namespace = await openNetworkNamespace();
  network.forget();
  world.reset();
  const before = { token: world.op.count("/token"), sts: world.sts.count() };
  try {
    await Promise.all([namespace.relay(world.op.port), namespace.relay(world.sts.port)]);
    namespace.hosts({ [IDP_HOST]: namespace.outside, [STS_HOST]: namespace.outside });
    await act({
      network,
      namespace,
      idp: network.idp.replace(".", "\\."),
      run: (options = {}) =>
        namespace.run([...programUnderTest(), "credential-process", "--profile", "billing"], sandbox.env, {
          ...options,
          env: { AWS_CA_BUNDLE: awsCaFile, ...options.env },
        }),
      counts: () => ({
        token: world.op.count("/token") - before.token,
        sts: world.sts.count() - before.sts,
      }),
    });
  } finally {
    await namespace.close();
  }
}

/** The same with servers of its own, for tests that run beside others. */
async function alone(act: (place: Place) => Promise<void>): Promise<void> {
  const network = await startCorporateNetwork();
  try {
    await within(network, act);
  } finally {
    await network.close();
  }
}

async function warmUp({ network, run }: Place): Promise<string> {
  const { AccessKeyId } = credentialsOf(await run());
  ageEntry(entryFile(network.sandbox.cacheDirectory), 600_000);
  return AccessKeyId;
}

const toIdp = ({ network }: Place): string => `tcp dport ${network.world.op.port}`;
const toSts = ({ network }: Place): string => `tcp dport ${network.world.sts.port}`;

describeSystem("a network that swallows packets", NAMESPACE_PROGRAMS, () => {
  test.concurrent(
    "all of them, from the start: exit 5 within the deadline, naming who did not answer",
    SLOW,
    ({ expect }) =>
      alone(async (place) => {
        place.namespace.faults({ out: [`${toIdp(place)} drop`] });
        const result = await place.run();
        expect(failureOf(result, 5).line).toMatch(
          new RegExp(`^${place.idp} (did not answer completely within 15 s|cannot be reached)`),
        );
        expect(result.tookMs).toBeLessThan(46_000);
        expect(place.counts()).toEqual({ token: 0, sts: 0 });
      }),
  );

  test.concurrent("all of them, in the middle of an answer: likewise", SLOW, ({ expect }) =>
    alone(async (place) => {
      const { world } = place.network;
      world.op.faults.always("/token", { kind: "drip", everyMs: 100 });
      const running = place.run();
      await until("the answer has begun", () => world.op.count("/token") === 1);
      place.namespace.faults({ out: ["meta l4proto tcp drop"], in: ["meta l4proto tcp drop"] });
      const result = await running;
      expect(failureOf(result, 5).line).toMatch(
        new RegExp(`^${place.idp} (did not answer completely within 15 s|cannot be reached \\(ETIMEDOUT\\)$)`),
      );
      expect(place.counts()).toEqual({ token: 1, sts: 0 });
    }),
  );

  test.concurrent("the big ones alone (an MTU that nobody announces): likewise", SLOW, ({ expect }) =>
    alone(async (place) => {
      place.namespace.faults({ in: ["meta l4proto tcp meta length > 700 drop"] });
      const result = await place.run();
      expect(failureOf(result, 5).line).toMatch(new RegExp(`^${place.idp} did not answer completely within 15 s`));
    }),
  );

  test.concurrent("three of ten: it succeeds within the deadline, and asks the provider once", SLOW, ({ expect }) =>
    alone(async (place) => {
      const lossy = ["meta l4proto tcp numgen inc mod 10 { 0, 3, 7 } drop"];
      place.namespace.faults({ in: lossy });
      const result = await place.run();
      expect(result.status, result.stderr).toBe(0);
      expect(place.counts().token).toBe(1);
      expect(result.tookMs).toBeLessThan(45_000);
    }),
  );

  test.concurrent("those of a name server: exit 5 within the deadline, and the line says DNS", SLOW, ({ expect }) =>
    alone(async (place) => {
      place.namespace.hosts({});
      const result = await place.run();
      const { line, hint } = failureOf(result, 5);
      expect(line).toMatch(/^idp\.corp\.example cannot be resolved/);
      expect(hint).toContain("getent hosts idp.corp.example");
      expect(result.tookMs).toBeLessThan(46_000);
    }),
  );

  test.concurrent(
    "with valid credentials: ten callers get them in 2 s, one tries, later ones do not wait",
    SLOW,
    ({ expect }) =>
      alone(async (place) => {
        const minted = await warmUp(place);
        place.namespace.faults({ out: [`${toIdp(place)} drop`] });
        const results = await Promise.all(Array.from({ length: 10 }, () => place.run()));
        for (const result of results) {
          expect(credentialsWithWarning(result).AccessKeyId).toBe(minted);
          expect(result.tookMs).toBeLessThan(EARLY_MS);
        }
        const warnings = results.map(({ stderr }) => stderr).filter((stderr) => stderr !== "");
        expect(warnings).toEqual([expect.stringMatching(/^sts-broker: warning: credentials not renewed, [^\n]+\n$/)]);
        expect(credentialsOf(await place.run()).AccessKeyId).toBe(minted);
        expect(place.counts()).toEqual({ token: 1, sts: 1 });
      }),
  );

  for (const [where, name, env] of [
    ["", "idp\\.corp\\.example", {}],
    [" that should know the proxy", "proxy\\.corp\\.example", { HTTPS_PROXY: "http://proxy.corp.example:3128" }],
  ] as const) {
    test.concurrent(
      `with valid credentials and a silent name server${where}: they come in 2 s, and nothing stays behind`,
      SLOW,
      ({ expect }) =>
        alone(async (place) => {
          const minted = await warmUp(place);
          place.namespace.hosts({});
          const result = await place.run({ env });
          const says = new RegExp(`: ${name} cannot be resolved: no DNS server had answered at the deadline$`, "m");
          expect(credentialsWithWarning(result, says).AccessKeyId).toBe(minted);
          expect(result.tookMs).toBeLessThan(EARLY_MS);
          expect(place.namespace.processes()).toEqual([]);
        }),
    );
  }
});

/** Bun does not say why a connection was not made. */
const NOT_REACHED = "refuses connections or cannot be reached";
const unreachable = (code: string): string => (standalone ? NOT_REACHED : `cannot be reached \\(${code}\\)`);

describeSystem("a network that refuses", NAMESPACE_PROGRAMS, () => {
  let network: CorporateNetwork;
  beforeAll(async () => {
    network = await startCorporateNetwork();
  });
  afterAll(() => network?.close());

  for (const [name, rule, says] of [
    ["connections, by a reset", "reject with tcp reset", "refuses connections"],
    ["hosts, by ICMP", "reject with icmp type host-unreachable", unreachable("EHOSTUNREACH")],
    ["networks, by ICMP", "reject with icmp type net-unreachable", unreachable("ENETUNREACH")],
    ["by the administrator's order", "reject with icmp type admin-prohibited", unreachable("EHOSTUNREACH")],
  ] as const) {
    test(`${name}: one line at once`, () =>
      within(network, async (place) => {
        place.namespace.faults({ out: [`${toIdp(place)} ${rule}`] });
        const result = await place.run();
        const { line, hint } = failureOf(result, 5);
        expect(line).toMatch(new RegExp(`^${place.idp} ${standalone ? NOT_REACHED : says}$`));
        expect(hint).toMatch(/HTTPS_PROXY/);
        expect(result.tookMs).toBeLessThan(10_000);
      }));
  }

  test("everything, since there is no route at all: one line at once", () =>
    within(network, async (place) => {
      place.namespace.ip("route", "flush", "table", "main");
      const { line, hint } = failureOf(await place.run(), 5);
      expect(line).toMatch(new RegExp(`^${place.idp} ${unreachable("ENETUNREACH")}$`));
      expect(hint).toMatch(standalone ? /HTTPS_PROXY/ : /check the network/);
    }));

  test("AWS alone, twice: it is asked a third time, and nobody hears of it", () =>
    within(network, async (place) => {
      place.namespace.faults({
        out: [`${toSts(place)} tcp flags & (syn | ack) == syn numgen inc mod 3 { 0, 1 } reject with tcp reset`],
      });
      credentialsOf(await place.run());
      expect(place.counts()).toEqual({ token: 1, sts: 1 });
    }));

  test("AWS alone, always: the line names it, and the token was fetched once", () =>
    within(network, async (place) => {
      place.namespace.faults({ out: [`${toSts(place)} reject with tcp reset`] });
      expect(failureOf(await place.run(), 5).line).toMatch(/^sts\.corp\.example:\d+ refuses connections/);
      expect(place.counts()).toEqual({ token: 1, sts: 0 });
    }));

  test("in the middle of an answer, by a reset: one line", () =>
    within(network, async (place) => {
      network.world.op.faults.always("/token", { kind: "drip", everyMs: 50 });
      const running = place.run();
      await until("the answer has begun", () => place.counts().token === 1);
      place.namespace.faults({ out: [`${toIdp(place)} reject with tcp reset`] });
      expect(failureOf(await running, 5).line).toMatch(new RegExp(`^${place.idp} closed the connection`));
      expect(place.counts().sts).toBe(0);
    }));

  for (const [answer, code] of [
    ["NXDOMAIN", "ENOTFOUND"],
    ["SERVFAIL", "EAI_AGAIN"],
    ["REFUSED", "EAI_AGAIN"],
  ] as const) {
    test(`names, with ${answer}: the name is in the line`, () =>
      within(network, async (place) => {
        const server = await startNameServer(place.namespace.outside, answer);
        try {
          place.namespace.hosts({});
          place.namespace.nameserver(place.namespace.outside);
          const { line, hint } = failureOf(await place.run(), 5);
          expect(line).toBe(`idp.corp.example cannot be resolved (DNS ${code})`);
          expect(hint).toContain("getent hosts");
          expect(server.count()).toBeGreaterThan(0);
        } finally {
          await server.close();
        }
      }));
  }
});

describeSystem("a network of two protocols", NAMESPACE_PROGRAMS, () => {
  let network: CorporateNetwork;
  beforeAll(async () => {
    network = await startCorporateNetwork();
  });
  afterAll(() => network?.close());

  test("whose IPv6 leads nowhere: IPv4 is used", () =>
    within(network, async (place) => {
      const { outside } = place.namespace;
      place.namespace.addIpv6("2001:db8::2/64");
      place.namespace.hosts({ [IDP_HOST]: ["2001:db8::dead", outside], [STS_HOST]: ["2001:db8::dead", outside] });
      place.namespace.faults({ out: ["ip6 daddr 2001:db8::dead drop"] });
      credentialsOf(await place.run());
      expect(place.counts()).toEqual({ token: 1, sts: 1 });
    }));

  test("whose IPv6 has no route, and whose IPv4 loses the first packets: IPv4 is tried once more, with patience", () =>
    within(network, async (place) => {
      const { outside } = place.namespace;
      place.namespace.addIpv6("2001:db8::2/128");
      place.namespace.hosts({ [IDP_HOST]: [outside, "2001:db8:dead::1"], [STS_HOST]: outside });
      place.namespace.faults({
        out: [`${toIdp(place)} tcp flags & (syn | ack) == syn numgen inc mod 4 { 0, 1 } drop`],
      });
      credentialsOf(await place.run());
      expect(place.counts()).toEqual({ token: 1, sts: 1 });
    }));
});

describeSystem("a machine that sleeps", NAMESPACE_PROGRAMS, () => {
  test("between two requests, until the server has given up the connection: it asks on another one", SLOW, () =>
    alone(async (place) => {
      const { op } = place.network.world;
      op.faults.next("/.well-known/openid-configuration", { kind: "delay", ms: 300 });
      let pid = 0;
      const running = place.run({
        onStart: (child) => {
          pid = child.pid ?? 0;
        },
      });
      await until("it asked", () => op.count("/.well-known/openid-configuration") === 1);
      process.kill(pid, "SIGSTOP");
      const open = place.namespace.openSockets();
      await until("the server hung up", () => place.namespace.openSockets() < open);
      process.kill(pid, "SIGCONT");
      credentialsOf(await running);
      expect(place.counts()).toEqual({ token: 1, sts: 1 });
    }),
  );
});
