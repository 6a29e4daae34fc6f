/** Run by ambient.test.ts as a program of its own: one exchange with nobody at the other end but a canned answer. */
import { exchangeWebIdentity } from "../../src/exchange/web-identity.ts";
import { assertionWith, fakeHost, granted, profileWith } from "./fixtures.ts";

const host = fakeHost([granted()]);
const options = { host, deadlineMs: 45_000 };
exchangeWebIdentity(profileWith(), assertionWith(), options).then(
  ({ accessKeyId }) => process.stdout.write(`${accessKeyId} ${host.requests[0]?.url} ${JSON.stringify(host.requests)}`),
  (error: unknown) => process.stdout.write(String(error)),
);
