/** XML as a strict server takes it apart: with @xmldom/xmldom, which the programs under test do not use for what they send. */
import { DOMParser, type DomNode } from "../../src/assertion/xmldom.js";

export interface Received {
  readonly name: string;
  readonly namespace: string;
  /** By name, with prefix where it has one written. */
  readonly attributes: readonly { readonly name: string; readonly namespace: string; readonly value: string }[];
  readonly children: readonly Received[];
  readonly text: string;
}

/** @throws for anything that is not well-formed */
export function receivedXml(xml: string): Received {
  if (/<!DOCTYPE/i.test(xml)) throw new Error("DOCTYPE");
  const fail = (_level: string, message: string): void => {
    throw new Error(message);
  };
  const root = new DOMParser({ errorHandler: fail }).parseFromString(xml, "text/xml").documentElement;
  if (root === null) throw new Error("no element");
  return elementOf(root);
}

/** The only descendant by these steps; undefined where one is missing or there are several. */
export function at(
  element: Received | undefined,
  ...steps: readonly (readonly [namespace: string, name: string])[]
): Received | undefined {
  let here = element;
  for (const [namespace, name] of steps) {
    const found = here?.children.filter((child) => child.namespace === namespace && child.name === name) ?? [];
    here = found.length === 1 ? found[0] : undefined;
  }
  return here;
}

/** An attribute; "" is the namespace of those without prefix. */
export function attribute(element: Received | undefined, name: string, namespace = ""): string | undefined {
  return element?.attributes.find((one) => one.name === name && one.namespace === namespace)?.value;
}

function elementOf(node: DomNode): Received {
  const children: Received[] = [];
  let text = "";
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.nodeType === 1) children.push(elementOf(child));
    else if (child.nodeType === 3 || child.nodeType === 4) text += child.data ?? "";
  }
  const attributes: Received["attributes"][number][] = [];
  for (let index = 0; index < (node.attributes?.length ?? 0); index++) {
    const one = node.attributes?.item(index);
    if (one)
      attributes.push({ name: one.localName ?? one.nodeName, namespace: one.namespaceURI ?? "", value: one.value });
  }
  return { name: node.localName ?? node.nodeName, namespace: node.namespaceURI ?? "", attributes, children, text };
}
