import { spawn } from "node:child_process";
import { isLoopbackUrl } from "../core/loopback.ts";
import { scrubbedEnvironment } from "./environment.ts";
import type { Browser } from "./host.ts";

/** A launcher that fails does so at once; one that is still at work then has found a browser. */
const FAILS_WITHIN_MS = 700;

type Env = Readonly<Record<string, string | undefined>>;

export function realBrowser(env: Env, platform: NodeJS.Platform): Browser {
  return {
    async open(url) {
      if (!mayBeOpened(url)) return false;
      for (const argv of launchers(url, env, platform)) if (await launch(argv, env)) return true;
      return false;
    },
  };
}

/** https, or http to this machine: another scheme could start anything, and a page in clear text be anybody's. */
function mayBeOpened(url: string): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed?.protocol === "https:" || (parsed?.protocol === "http:" && isLoopbackUrl(parsed));
}

/** Command lines to try in turn; no shell reads them. */
export function launchers(url: string, env: Env, platform: NodeJS.Platform): string[][] {
  // As a URL has it, without the quotes, spaces and line breaks that a launcher's own shell script might stumble over.
  const { href } = new URL(url);
  const named = (env.BROWSER ?? "")
    .split(platform === "win32" ? ";" : ":")
    .map((command) => command.trim().split(/\s+/))
    .filter(([program]) => program !== "")
    .map((words) =>
      words.some((word) => word.includes("%s"))
        ? words.map((word) => word.replaceAll("%s", () => href))
        : [...words, href],
    );
  if (platform === "win32") return [...named, ["rundll32", "url.dll,FileProtocolHandler", href]];
  if (platform === "darwin") return [...named, ["open", href]];
  // Without a desktop xdg-open would look for a browser that wants this very terminal.
  const desktop = [env.DISPLAY, env.WAYLAND_DISPLAY].some((one) => one !== undefined && one !== "");
  return desktop ? [...named, ["xdg-open", href]] : named;
}

/** In a session of its own and with none of our files, so that a browser outlives us and cannot read from our terminal. */
function launch([program = "", ...args]: readonly string[], env: Env): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: scrubbedEnvironment(env, ["BROWSER"]),
      stdio: "ignore",
      detached: true,
      windowsHide: true,
    });
    const timer = setTimeout(() => resolve(true), FAILS_WITHIN_MS);
    const settle = (opened: boolean): void => {
      clearTimeout(timer);
      resolve(opened);
    };
    child.once("error", () => settle(false));
    child.once("exit", (status) => settle(status === 0));
    child.unref();
  });
}
