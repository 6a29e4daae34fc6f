/** What a provider sends never moves the cursor of the person who logs in there. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ListeningServer, listen } from "../support/listening-server.ts";
import { atDesk, LOGIN } from "./at-desk.ts";
import { describeSystem } from "./servers/requirements.ts";
import { TMUX_PROGRAMS } from "./servers/tmux.ts";

describeSystem("a provider that sends escape sequences", TMUX_PROGRAMS, () => {
  const desk = atDesk();
  const EVIL = "\u001b]0;owned\u0007\u001b[31mEVIL\u001b[2J\u009b31m\u202e";
  let provider: ListeningServer;
  beforeAll(async () => {
    provider = await listen((request, response) => {
      const at = provider.url;
      const answers: Record<string, object> = {
        "/.well-known/openid-configuration": {
          issuer: at,
          authorization_endpoint: `${at}/auth`,
          token_endpoint: `${at}/token`,
          device_authorization_endpoint: `${at}/device`,
          jwks_uri: `${at}/jwks`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["RS256"],
        },
        "/device": {
          device_code: "d",
          user_code: `AB${EVIL}CD`,
          verification_uri: `${at}/type?x=${EVIL}`,
          expires_in: 600,
          interval: 1,
        },
      };
      const answer = answers[request.url ?? ""];
      response.statusCode = answer === undefined ? 400 : 200;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answer ?? { error: "access_denied", error_description: `no ${EVIL} today` }));
    });
  });
  afterAll(() => provider.close());

  it.each(["", " --plain"])("gets none of them onto the terminal (login%s)", async (flag) => {
    desk.sandbox.configure(`
[identity.corp]
type = "oidc-device"
issuer = "${provider.url}"
client_id = "people"
[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
store = "file"
`);
    await desk.open();
    await desk.start(`${LOGIN}${flag}`);
    await desk.terminal.until(/AB .*EVIL/);
    const end = await desk.terminal.until(/sts-broker: .*EVIL/s);
    expect(end).toMatch(/access_denied|refused|denied/);
    expect(desk.terminal.written()).not.toMatch(/\u001b\]0;owned|\u001b\[31mEVIL|\u001b\[2J|\u0007|\u009b31m/);
    expect(await desk.terminal.run("echo status $?")).toBe("status 4");
  });
});
