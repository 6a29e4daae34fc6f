import type { Host, LoopbackAnswer, LoopbackRequest } from "../../host/host.ts";
import { redirectPage } from "./redirect-page.ts";

/**
 * Where the browser is sent first. Everybody on the machine can read a launcher's command line for as long as it lives, so it holds a random
 * address that is good for one request, and not the login's state and redirect URI: with those, somebody else could sign in as themselves.
 */
export interface StartPage {
  /** Path and nothing else. */
  readonly path: string;
  /** Undefined for any other request. */
  answer(request: LoopbackRequest): LoopbackAnswer | undefined;
}

/**
 * @param to where the one request is sent on
 * @param onSecond who was first is not known: the login must not go on
 */
export function startPage({ crypto }: Pick<Host, "crypto">, to: URL, onSecond: () => void): StartPage {
  const path = `/${Buffer.from(crypto.randomBytes(16)).toString("base64url")}`;
  let isFetched = false;
  return {
    path,
    answer({ method, target }) {
      if (target !== path || method !== "GET") return undefined;
      if (isFetched) {
        onSecond();
        return SECOND;
      }
      isFetched = true;
      const headers = { location: to.href, "cache-control": "no-store", "referrer-policy": "no-referrer" };
      return { status: 303, headers, body: "" };
    },
  };
}

const SECOND = redirectPage({
  status: 410,
  tone: "bad",
  title: "This page was opened before",
  text: "It is good for one time, so somebody else may have opened this login. It was ended; log in again.",
});
