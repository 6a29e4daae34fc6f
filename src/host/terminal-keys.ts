import type { Key, KeyName } from "../core/key.ts";

/** What the bytes of a terminal in raw mode mean. Sequences that mean nothing here are dropped. */
export interface KeyDecoder {
  push(bytes: Uint8Array): (Key | { readonly name: "interrupt" })[];
  /** True while the last bytes may be the beginning of something longer. */
  waiting(): boolean;
  /** No more came: a lone ESC was the key of that name. */
  flush(): Key[];
}

const PASTE_BEGIN = "\u001b[200~";
const PASTE_END = "\u001b[201~";
const MAX_PASTE = 64 * 1024;

const CONTROL: Readonly<Record<string, KeyName | "interrupt">> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\u007f": "backspace",
  "\u0001": "home",
  "\u0003": "interrupt",
  "\u0004": "end-of-input",
  "\u0005": "end",
  "\u000e": "down",
  "\u0010": "up",
  "\u0015": "erase-line",
  "\u0017": "erase-word",
};

/** By final byte, and for "~" by the number before it (xterm, VT220, rxvt). */
const SEQUENCE: Readonly<Record<string, KeyName>> = {
  A: "up",
  B: "down",
  H: "home",
  F: "end",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "5~": "page-up",
  "6~": "page-down",
};

// CSI, SS3, or a key pressed together with Alt.
const COMPLETE = /^\u001b(?:\[([0-9;<=>?]*)[ -/]*([@-~])|O([ -~])|[^[O\u001b])/;

export function keyDecoder(): KeyDecoder {
  const utf8 = new TextDecoder();
  let text = "";
  let pasted: string | undefined;

  /** Takes what begins `text`; undefined when it may go on. */
  const take = (): (Key | { readonly name: "interrupt" })[] | undefined => {
    if (pasted !== undefined) return takePaste();
    const first = text.charAt(0);
    if (first === "\u001b") return takeSequence();
    const name = CONTROL[first];
    const plain = name === undefined ? (/^[^\u0000-\u001f\u007f]+/.exec(text)?.[0] ?? "") : "";
    text = text.slice(Math.max(1, plain.length));
    if (name !== undefined) return [{ name }];
    return printed(plain);
  };

  const takeSequence = (): Key[] | undefined => {
    if (text.startsWith(PASTE_BEGIN)) {
      text = text.slice(PASTE_BEGIN.length);
      pasted = "";
      return [];
    }
    if (text.startsWith("\u001b\u001b")) {
      text = text.slice(1);
      return [{ name: "escape" }];
    }
    const found = COMPLETE.exec(text);
    if (found === null) return undefined;
    text = text.slice(found[0].length);
    const [, numbers = "", final = "", shifted] = found;
    const name = SEQUENCE[shifted ?? (final === "~" ? `${numbers.split(";")[0]}~` : final)];
    return name === undefined ? [] : [{ name }];
  };

  const takePaste = (): Key[] | undefined => {
    const end = text.indexOf(PASTE_END);
    // The end's own beginning may be all there is of it yet.
    const until = end >= 0 ? end : Math.max(0, text.length - PASTE_END.length + 1);
    pasted = `${pasted}${text.slice(0, until)}`.slice(0, MAX_PASTE);
    text = text.slice(end >= 0 ? end + PASTE_END.length : until);
    if (end < 0) return undefined;
    const whole = pasted;
    pasted = undefined;
    return printed(whole);
  };

  return {
    push(bytes) {
      text += utf8.decode(bytes, { stream: true });
      const keys: (Key | { readonly name: "interrupt" })[] = [];
      while (text !== "") {
        const taken = take();
        if (taken === undefined) break;
        keys.push(...taken);
      }
      return keys;
    },
    waiting: () => text !== "" && pasted === undefined,
    flush() {
      const lone = text === "\u001b";
      text = "";
      return lone ? [{ name: "escape" }] : [];
    },
  };
}

/** What is copied from a page or a mail often ends in a line break, which must not answer for the person. */
function printed(text: string): Key[] {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "");
  return line === "" ? [] : [{ name: "text", text: line }];
}
