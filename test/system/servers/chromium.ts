// Debian's Chromium without a window, driven by playwright-core through its debugging port. Its profile lies in a temporary folder, and
// the only name that it can resolve is a stranger's web site on this machine: nothing leaves the machine.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { type ServerProcess, startProcess, temporaryFolder, until } from "./process.ts";
import { needed } from "./requirements.ts";

export const CHROMIUM_PROGRAMS = ["chromium"] as const;

/** Leads to 127.0.0.1, at any port: the web site of somebody who means harm. */
export const STRANGER = "stranger.example";

export interface Chromium {
  /** A person's browser: cookies, cache and history are its own. */
  window(options?: BrowserContextOptions): Promise<Page>;
  /** Closes all windows. */
  closeWindows(): Promise<void>;
  stop(): Promise<void>;
}

const FLAGS = [
  "--headless",
  // Chromium's own sandbox starts neither as root nor in most containers.
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--no-default-browser-check",
  "--no-proxy-server",
  "--password-store=basic",
  `--host-resolver-rules=MAP ${STRANGER} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
  "--remote-debugging-port=0",
];

/** Takes about a second. */
export async function startChromium(): Promise<Chromium> {
  const { path: folder, remove } = temporaryFolder("chromium");
  let browserProcess: ServerProcess | undefined;
  const end = async (): Promise<void> => {
    await browserProcess?.stop();
    remove();
  };
  try {
    const started = await startProcess({
      name: "chromium",
      command: needed("chromium"),
      args: [...FLAGS, `--user-data-dir=${join(folder, "profile")}`, "about:blank"],
      env: { PATH: "/usr/bin:/bin", HOME: folder, LANG: "C.UTF-8", TMPDIR: folder },
      logFile: join(folder, "out.log"),
    });
    browserProcess = started;
    let port = "";
    await until(
      "the port of Chromium",
      () => {
        port = /^\d+(?=\n)/.exec(readIfThere(join(folder, "profile", "DevToolsActivePort")))?.[0] ?? "";
        return port !== "";
      },
      { deadlineMs: 30_000, process: started },
    );
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    const windows = new Set<BrowserContext>();
    const closeWindows = async (): Promise<void> => {
      const all = [...windows];
      windows.clear();
      await Promise.all(all.map((one) => one.close()));
    };
    return {
      async window(options = {}) {
        const context = await browser.newContext(options);
        windows.add(context);
        context.setDefaultTimeout(15_000);
        return context.newPage();
      },
      closeWindows,
      stop: async () => {
        await closeWindows().catch(() => {});
        await browser.close().catch(() => {});
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
