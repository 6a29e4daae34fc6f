/**
 * Reads XML from outside: no DOCTYPE, no entities but XML's five, no files, no network, bounded size and depth. What comes out are plain
 * objects with namespaces resolved, so nobody looks for an element by its local name alone.
 */

import { isXmlText, scanXml, type XmlLimits, XmlRefusal } from "./xml-scan.ts";
import type { DomNode } from "./xmldom.js";

export interface XmlAttribute {
  readonly name: string;
  /** Empty: none, as attributes of SAML have it. */
  readonly namespace: string;
  readonly value: string;
}

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  readonly namespace: string;
  /** Without the declarations of namespaces. */
  readonly attributes: readonly XmlAttribute[];
  readonly elements: readonly XmlElement[];
  /** The text directly inside, untrimmed; never one with a comment in the middle. */
  readonly text: string;
  readonly hasComment: boolean;
  /** The parser's own, for xml-crypto alone. */
  readonly node: unknown;
}

/** @throws XmlRefusal whose message reads on after the document's name */
export async function parseXml(xml: string, limits?: XmlLimits): Promise<XmlElement> {
  const names = scanXml(xml, limits);
  const { DOMParser } = await import("./xmldom.js");
  let problem: string | undefined;
  const parser = new DOMParser({
    errorHandler: (_level, message) => {
      problem ??= message;
    },
  });
  let root: DomNode | null = null;
  try {
    root = parser.parseFromString(xml, "text/xml").documentElement;
  } catch {
    // Its message quotes the document.
    problem ??= "thrown";
  }
  if (problem !== undefined || root === null) throw new XmlRefusal("is not well-formed XML");
  const seen: string[] = [];
  const tree = toElement(root, seen);
  // Two readings of one document are how forgeries are made.
  if (seen.length !== names.length || seen.some((name, index) => name !== names[index]))
    throw new XmlRefusal("can be read in more than one way");
  return tree;
}

/** Depth is bounded by the scan. */
function toElement(node: DomNode, seen: string[]): XmlElement {
  seen.push(node.nodeName);
  const namespace = node.namespaceURI ?? "";
  // The parser reads script and textarea as HTML does, text and all.
  if (namespace === "http://www.w3.org/1999/xhtml") throw new XmlRefusal("has XHTML in it, which is refused");
  if ((node.prefix ?? "") !== "" && namespace === "")
    throw new XmlRefusal("uses a namespace prefix that is not declared");
  const elements: XmlElement[] = [];
  let text = "";
  let hasComment = false;
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.nodeType === 1) elements.push(toElement(child, seen));
    else if (child.nodeType === 3 || child.nodeType === 4) text += child.data ?? "";
    else hasComment = true;
  }
  if (!isXmlText(text)) throw new XmlRefusal("has characters in it that XML does not know");
  if (hasComment && text.trim() !== "")
    throw new XmlRefusal(
      "has a comment inside a text value, where two readers may read two values (comment injection)",
    );
  return {
    name: node.localName ?? node.nodeName,
    namespace,
    attributes: attributesOf(node),
    elements,
    text,
    hasComment,
    node,
  };
}

function attributesOf({ attributes }: DomNode): XmlAttribute[] {
  const found: XmlAttribute[] = [];
  for (let index = 0; index < (attributes?.length ?? 0); index++) {
    const attribute = attributes?.item(index) ?? undefined;
    if (attribute === undefined || attribute.nodeName === "xmlns" || attribute.prefix === "xmlns") continue;
    const namespace = attribute.namespaceURI ?? "";
    if ((attribute.prefix ?? "") !== "" && namespace === "")
      throw new XmlRefusal("uses a namespace prefix that is not declared");
    if (!isXmlText(attribute.value)) throw new XmlRefusal("has characters in it that XML does not know");
    const name = attribute.localName ?? attribute.nodeName;
    if (found.some((one) => one.name === name && one.namespace === namespace))
      throw new XmlRefusal("has an element with the same attribute twice");
    found.push({ name, namespace, value: attribute.value });
  }
  return found;
}

/** An attribute without a namespace. */
export function attributeOf(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find((one) => one.name === name && one.namespace === "")?.value;
}

/** The children of this name. */
export function childrenOf(element: XmlElement | undefined, namespace: string, name: string): readonly XmlElement[] {
  return (element?.elements ?? []).filter((one) => one.name === name && one.namespace === namespace);
}

/** The element and all below it, in document order. */
export function* withDescendants(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of element.elements) yield* withDescendants(child);
}
