/**
 * What is refused of XML before a parser sees it. The parser behind samlify and xml-crypto mends what is broken, follows what a DOCTYPE
 * says, and takes time that grows with the square of attributes and depth; a linear scan in front of it leaves it nothing to mend.
 */

/** Reads on after the document's name: "has a DOCTYPE, …". */
export class XmlRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = "XmlRefusal";
  }
}

export interface XmlLimits {
  /** In UTF-16 units; a response of STS's 100,000 base64 characters has at most 75,000. */
  readonly characters: number;
  readonly depth: number;
  readonly elements: number;
  readonly attributesOfOne: number;
}

export const XML_LIMITS: XmlLimits = { characters: 256 * 1024, depth: 48, elements: 20_000, attributesOfOne: 64 };

const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const SPACE = /[ \t\r\n]*/y;
const REFERENCE = /&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\dA-Fa-f]{1,6});/y;
const DECLARATION = /<\?xml[ \t\r\n]([^?<>]{0,200})\?>/y;
/** What XML 1.0 has no place for; a lone half of a surrogate pair is one as well. */
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u;

/**
 * The names of all elements in document order, of a document that is well-formed as far as names, nesting, quotes and references go.
 *
 * @throws XmlRefusal
 */
export function scanXml(xml: string, limits: XmlLimits = XML_LIMITS): readonly string[] {
  if (xml.length > limits.characters) throw new XmlRefusal(`is larger than ${limits.characters} characters of XML`);
  // In comments and CDATA too: nobody has a reason to write one there.
  if (/<!DOCTYPE/i.test(xml)) throw new XmlRefusal("has a DOCTYPE, which is refused (entities, outside files)");
  if (/<!(?:ENTITY|ELEMENT|ATTLIST|NOTATION)/i.test(xml))
    throw new XmlRefusal("has an entity declaration, which is refused");
  if (!isXmlText(xml)) throw new XmlRefusal("has characters in it that XML does not know");

  const names: string[] = [];
  const open: string[] = [];
  let at = declarationEnd(xml);
  while (at < xml.length) {
    const tag = xml.indexOf("<", at);
    checkText(xml, at, tag < 0 ? xml.length : tag, open.length > 0);
    if (tag < 0) break;
    if (xml.startsWith("<!--", tag)) at = commentEnd(xml, tag);
    else if (xml.startsWith("<![CDATA[", tag)) {
      if (open.length === 0) throw malformed("has text outside its root element");
      at = endOf(xml, "]]>", tag + 9);
    } else if (xml[tag + 1] === "!" || xml[tag + 1] === "?")
      throw new XmlRefusal("has a processing instruction or declaration in it, which is refused");
    else if (xml[tag + 1] === "/") at = closeTag(xml, tag, open);
    else {
      if (open.length === 0 && names.length > 0) throw malformed("has more than one root element");
      const start = startTag(xml, tag, limits);
      names.push(start.name);
      if (names.length > limits.elements) throw new XmlRefusal(`has more than ${limits.elements} elements`);
      if (!start.closed) open.push(start.name);
      if (open.length > limits.depth) throw new XmlRefusal(`nests its elements more than ${limits.depth} levels deep`);
      at = start.end;
    }
  }
  if (names.length === 0) throw malformed("has no element");
  if (open.length > 0) throw malformed("ends in the middle");
  return names;
}

/** True for text without control characters and without torn surrogate pairs. */
export function isXmlText(text: string): boolean {
  return !NOT_XML.test(text);
}

function declarationEnd(xml: string): number {
  const declaration = match(DECLARATION, xml, 0);
  if (declaration === null) return 0;
  const encoding = /encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']/.exec(declaration[1] ?? "")?.[1];
  if (encoding !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(encoding))
    throw new XmlRefusal("is declared to be in an encoding other than UTF-8");
  if (/version[ \t\r\n]*=[ \t\r\n]*["']1\.[^0]/.test(declaration[1] ?? "")) throw new XmlRefusal("is not XML 1.0");
  return declaration[0].length;
}

function startTag(xml: string, tag: number, limits: XmlLimits): { name: string; closed: boolean; end: number } {
  const name = match(NAME, xml, tag + 1)?.[0];
  if (name === undefined) throw malformed("has a < that begins no element");
  let at = tag + 1 + name.length;
  const seen = new Set<string>();
  for (;;) {
    const space = match(SPACE, xml, at)?.[0].length ?? 0;
    at += space;
    if (xml[at] === ">") return { name, closed: false, end: at + 1 };
    if (xml.startsWith("/>", at)) return { name, closed: true, end: at + 2 };
    const attribute = match(NAME, xml, at)?.[0];
    if (attribute === undefined || space === 0) throw malformed("has an element whose start cannot be read");
    if (attribute === "xmlns:xml" || attribute === "xmlns:xmlns")
      throw malformed("gives a reserved namespace prefix another meaning");
    if (seen.has(attribute)) throw malformed("has an element with the same attribute twice");
    seen.add(attribute);
    if (seen.size > limits.attributesOfOne)
      throw new XmlRefusal(`has an element with more than ${limits.attributesOfOne} attributes`);
    at += attribute.length;
    at += match(SPACE, xml, at)?.[0].length ?? 0;
    if (xml[at] !== "=") throw malformed("has an attribute without a value");
    at += 1 + (match(SPACE, xml, at + 1)?.[0].length ?? 0);
    const quote = xml[at];
    if (quote !== '"' && quote !== "'") throw malformed("has an attribute value without quotes");
    const end = endOf(xml, quote, at + 1) - 1;
    checkValue(xml, at + 1, end);
    at = end + 1;
  }
}

function closeTag(xml: string, tag: number, open: string[]): number {
  const name = match(NAME, xml, tag + 2)?.[0];
  if (name === undefined || name !== open.pop()) throw malformed("has an end tag that fits no start tag");
  const at = tag + 2 + name.length;
  const end = at + (match(SPACE, xml, at)?.[0].length ?? 0);
  if (xml[end] !== ">") throw malformed("has an end tag that fits no start tag");
  return end + 1;
}

function commentEnd(xml: string, tag: number): number {
  const end = endOf(xml, "--", tag + 4);
  if (xml[end] !== ">") throw malformed("has a comment with -- in it");
  return end + 1;
}

function checkText(xml: string, from: number, to: number, inside: boolean): void {
  if (from === to) return;
  const text = xml.slice(from, to);
  if (!inside && /[^ \t\r\n]/.test(text)) throw malformed("has text outside its root element");
  if (text.includes("]]>")) throw malformed("has ]]> in its text");
  checkReferences(text);
}

function checkValue(xml: string, from: number, to: number): void {
  const value = xml.slice(from, to);
  if (value.includes("<")) throw malformed("has a < in an attribute value");
  checkReferences(value);
}

function checkReferences(text: string): void {
  for (let at = text.indexOf("&"); at >= 0; at = text.indexOf("&", at + 1)) {
    if (match(REFERENCE, text, at) === null) throw malformed("has an & that begins no reference known here");
  }
}

/** Where what follows `closing` begins. */
function endOf(xml: string, closing: string, from: number): number {
  const at = xml.indexOf(closing, from);
  if (at < 0) throw malformed("ends in the middle");
  return at + closing.length;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function malformed(what: string): XmlRefusal {
  return new XmlRefusal(`is not well-formed XML: it ${what}`);
}
