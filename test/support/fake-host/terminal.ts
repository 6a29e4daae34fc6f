import type { Key, KeyName } from "../../../src/core/key.ts";
import type { Browser, Terminal, TerminalSession } from "../../../src/host/host.ts";

/** The terminal of a process, with the person in front of it: what was shown, and what is typed. */
export class FakeTerminal implements Terminal {
  /** Cron and the like have none. */
  there = false;
  columns = 80;
  rows = 24;
  /** Everything written so far. */
  shown = "";
  isOpen = false;
  /** Raw: somebody reads keys. */
  listener: ((key: Key) => void) | undefined;
  readonly #resized = new Set<() => void>();

  async open(): Promise<TerminalSession | undefined> {
    if (!this.there) return undefined;
    this.isOpen = true;
    return {
      size: () => ({ columns: this.columns, rows: this.rows }),
      write: (text) => {
        this.shown += text;
      },
      onResize: (listener) => {
        this.#resized.add(listener);
        return () => void this.#resized.delete(listener);
      },
      readKeys: (listener) => {
        this.listener = listener;
        return () => {
          if (this.listener === listener) this.listener = undefined;
        };
      },
      close: () => {
        this.isOpen = false;
        this.listener = undefined;
      },
    };
  }

  /** Nobody hears it while nobody reads keys. */
  press(...names: readonly KeyName[]): void {
    for (const name of names) this.listener?.({ name });
  }

  type(text: string): void {
    this.listener?.({ name: "text", text });
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows });
    for (const listener of this.#resized) listener();
  }
}

/** Remembers what it was asked to open. */
export class FakeBrowser implements Browser {
  there = true;
  readonly opened: string[] = [];

  async open(url: string): Promise<boolean> {
    if (this.there) this.opened.push(url);
    return this.there;
  }
}
