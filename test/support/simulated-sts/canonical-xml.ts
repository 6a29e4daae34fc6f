/**
 * Reads canonical XML (what xmlsec1 digested): no DOCTYPE, no CDATA, no comments, every attribute quoted with ", so a reader of some
 * lines is a complete one. It shares no code with the program under test.
 */

export interface Element {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Own text, in one piece. */
  readonly text: string;
}

interface Open {
  name: string;
  namespace: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
  scope: Record<string, string>;
}

/** @throws for anything that canonical XML cannot be */
export function readCanonicalXml(xml: string): Element {
  const top: Open = { name: "", namespace: "", attributes: {}, children: [], text: "", scope: {} };
  const open: Open[] = [top];
  const token = /<\/([^\s<>"/]+)>|<([^\s<>"/!?]+)((?: [^\s<>"=/]+="[^"<]*")*)>|([^<>]+)/gy;
  while (token.lastIndex < xml.length) {
    const match = token.exec(xml);
    const current = open.at(-1);
    if (match === null || current === undefined) throw new Error("not canonical XML");
    const [, end, start, attributes = "", text] = match;
    if (text !== undefined) current.text += unescaped(text);
    else if (start !== undefined) open.push(opened(start, attributes, current.scope));
    else {
      open.pop();
      const local = end?.split(":").at(-1);
      if (open.length === 0 || local !== current.name) throw new Error("not canonical XML");
      const { scope: _scope, ...element } = current;
      open.at(-1)?.children.push(element);
    }
  }
  const [root, ...others] = top.children;
  if (open.length !== 1 || root === undefined || others.length > 0) throw new Error("not canonical XML");
  return root;
}

/** Child elements of that name. */
export function childrenOf(element: Element | undefined, namespace: string, name: string): Element[] {
  return (element?.children ?? []).filter((child) => child.namespace === namespace && child.name === name);
}

function opened(tag: string, attributes: string, parentScope: Record<string, string>): Open {
  const scope = { ...parentScope };
  const own: Record<string, string> = {};
  for (const [, name = "", value = ""] of attributes.matchAll(/ ([^\s=]+)="([^"]*)"/g)) {
    if (name === "xmlns") scope[""] = unescaped(value);
    else if (name.startsWith("xmlns:")) scope[name.slice(6)] = unescaped(value);
    else own[name] = unescaped(value);
  }
  const [local = "", prefix = ""] = tag.split(":").reverse();
  return { name: local, namespace: scope[prefix] ?? "", attributes: own, children: [], text: "", scope };
}

function unescaped(text: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' };
  return text.replace(/&(?:#x([0-9A-F]+)|(\w+));/g, (_, hex: string | undefined, name: string) =>
    hex === undefined ? (named[name] ?? "") : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
