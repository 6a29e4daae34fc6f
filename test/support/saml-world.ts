/** A SAML identity provider's key, an STS that knows it, and a host for the sources: the smallest world in which an assertion becomes credentials. */
import { toSamlAssertion } from "../../src/assertion/saml.ts";
import { BrokerError } from "../../src/core/errors.ts";
import type { RoledProfile, SamlAssertion, SessionCredentials } from "../../src/core/types.ts";
import { exchangeSaml } from "../../src/exchange/saml.ts";
import { clock } from "../../src/host/clock.ts";
import { crypto } from "../../src/host/crypto.ts";
import type { Host, HttpResponse, Kerberos } from "../../src/host/host.ts";
import { realHttp } from "../../src/host/http/request.ts";
import type { Proof } from "../../src/identity/source.ts";
import { createSamlIssuer, type SamlIssuer } from "./saml-issuer.ts";
import type { TrustStatement } from "./simulated-sts/policy.ts";
import { type SimulatedSts, startSimulatedSts } from "./simulated-sts/server.ts";

export const ROLE_ARN = "arn:aws:iam::123456789012:role/ci/billing";
export const PRINCIPAL_ARN = "arn:aws:iam::123456789012:saml-provider/corp";

export interface SamlWorld {
  readonly issuer: SamlIssuer;
  readonly sts: SimulatedSts;
  /** Everything that was logged or warned of. */
  readonly logged: string[];
  /** With this environment; the keychain, files and children are not part of it. */
  host(env?: Readonly<Record<string, string>>, parts?: { kerberos?: Kerberos; files?: Record<string, string> }): Host;
  allow(condition?: TrustStatement["Condition"], ...moreActions: string[]): TrustStatement;
  trust(...statements: TrustStatement[]): void;
  profile(role?: Partial<RoledProfile["role"]>): RoledProfile;
  read(proof: Proof): Promise<SamlAssertion>;
  /** assertion -> STS, which verifies with xmlsec1. */
  redeem(proof: Proof, role?: Partial<RoledProfile["role"]>): Promise<SessionCredentials>;
  reset(): void;
  close(): Promise<void>;
}

export async function startSamlWorld(stsClock?: () => number): Promise<SamlWorld> {
  const issuer = await createSamlIssuer();
  const sts = await startSimulatedSts(stsClock === undefined ? {} : { clock: stsClock });
  const logged: string[] = [];
  const log = {
    enabled: true,
    debug: (stage: string, message: string) => void logged.push(`${stage}: ${message}`),
    warn: (message: string) => void logged.push(message),
  };
  const http = realHttp({}, clock, log);
  const unused = (): never => {
    throw new Error("not part of this test");
  };

  const world: SamlWorld = {
    issuer,
    sts,
    logged,
    host: (env = {}, { kerberos = { open: unused }, files = {} } = {}) => ({
      env,
      system: {
        platform: "linux",
        pid: 1,
        uid: 1000,
        hostname: () => "web1",
        username: () => "ana",
        homeDir: () => "/home/ana",
        verb: "credential-process",
        parent: () => ({ pid: 99 }),
      },
      clock,
      crypto,
      http,
      log,
      kerberos,
      files: {
        stat: (path) =>
          path in files
            ? { uid: 1000, mode: 0o600, size: 1, modifiedAtMs: 0, isFile: true, isDirectory: false }
            : undefined,
        read: (path) => (path in files ? new TextEncoder().encode(files[path]) : undefined),
        list: unused,
        writePrivate: unused,
        createPrivate: unused,
        appendLine: unused,
        resolve: unused,
        replace: unused,
        checkCreatable: unused,
        makePrivateDirectory: unused,
        remove: unused,
        fileSystem: unused,
      },
      keychain: { get: unused, set: unused, delete: unused, check: unused },
      keyring: { get: unused, add: unused },
      locks: { tryAcquire: unused, kind: unused },
      spawn: { capture: unused, handOver: unused },
      loopback: { listen: unused },
      terminal: { open: async () => undefined },
      browser: { open: unused },
      signals: { hold: async () => () => {} },
      probe: {
        runtime: unused,
        addon: unused,
        addresses: unused,
        proxy: unused,
        connect: unused,
        certificates: unused,
      },
      streams: { writeOut: unused, writeErr: unused },
    }),
    allow: (Condition, ...moreActions) => ({
      Effect: "Allow",
      Principal: { Federated: PRINCIPAL_ARN },
      Action: ["sts:AssumeRoleWithSAML", ...moreActions],
      ...(Condition === undefined ? {} : { Condition }),
    }),
    trust: (...Statement) => {
      const role = {
        arn: ROLE_ARN,
        trustPolicy: { Version: "2012-10-17", Statement },
        maxSessionDurationSeconds: 7200,
      };
      sts.account.roles.splice(0, sts.account.roles.length, role);
    },
    profile: (role = {}) => ({
      name: "billing",
      role: { arn: ROLE_ARN, sessionName: "ana@web1", ...role },
      sts: { region: "eu-west-1", regionStated: true, endpointUrl: sts.url, useFips: false, useDualstack: false },
      identity: { name: "corp", kind: "saml-test", settings: {} },
      store: "auto",
    }),
    read: (proof) => {
      if (proof.kind !== "saml") throw new Error("not SAML");
      return toSamlAssertion(proof, Date.now());
    },
    redeem: async (proof, role) => {
      const options = { host: { http, clock, crypto, log }, deadlineMs: clock.monotonicMs() + 20_000 };
      return exchangeSaml(world.profile(role), await world.read(proof), options);
    },
    reset: () => {
      logged.length = 0;
      sts.clear();
      sts.setDateSkewMs(0);
      sts.account.samlProviders.splice(0, 9, { arn: PRINCIPAL_ARN, metadataXml: issuer.metadata() });
      world.trust(world.allow({ StringEquals: { "SAML:aud": "https://signin.aws.amazon.com/saml" } }));
    },
    close: async () => {
      http.close();
      await sts.close();
    },
  };
  world.reset();
  return world;
}

/** The BrokerError that something ends in. */
export async function refusalOf(run: Promise<unknown>): Promise<BrokerError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** An answer with nothing in it but this. */
export function answerOf(body: string, type = "text/xml"): HttpResponse {
  return {
    status: 200,
    headers: { "content-type": type },
    setCookie: [],
    body: new TextEncoder().encode(body),
    url: "https://idp.corp.example/",
  };
}
