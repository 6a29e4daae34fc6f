import { serveProduct, startPageServer } from "../../support/idp-pages-server.ts";
import { PASSWORD, samlSource, USER } from "./saml-source.ts";

/** AD FS's way through its pages: the start, which leads to the login page, and the form. */
export const samlPassword = samlSource("saml-password (login pages)", async (url, issuer, tls, role) => {
  const server = await startPageServer(tls);
  const users = { [USER]: PASSWORD };
  let start = "";
  const prepare = (): void => {
    const served = serveProduct(server, "AD FS", { users, response: issuer.response({ roles: [role] }) });
    start = served.replace(server.url, url);
  };
  prepare();
  const headers = { "accept-language": "en" };
  return {
    port: server.port,
    metadata: issuer.metadata(),
    prepare,
    identity: (file) =>
      `type = "saml-password"\nurl = "${start}"\nusername = "${USER}"\npassword = { file = "${file}" }`,
    ask: async (client) => {
      const begun = await client.send(start, { headers });
      const signedIn = { ...headers, cookie: begun.cookie.split("; ").find((one) => one.startsWith("SESSION")) ?? "" };
      const page = await client.send(new URL(begun.location, start).href, { headers: signedIn });
      const [, action = ""] = /id="loginForm"[^>]* action="([^"]*)"/.exec(page.text) ?? [];
      const fields = { UserName: USER, Password: PASSWORD, AuthMethod: "FormsAuthentication" };
      const last = await client.send(new URL(action, start).href, { headers: signedIn, body: fields });
      return /NAME="SAMLResponse" VALUE="([^"]*)"/.exec(last.text)?.[1] ?? "";
    },
    requests: () => server.requests.length,
    close: server.close,
  };
});
