/**
 * XML read with the place of every element in its source, so that something signed can be cut out byte for byte: a DOM forgets what
 * was between the tags. It takes what SOAP allows (no DOCTYPE, no entities of one's own, no processing instructions) and nothing else.
 *
 * @see SOAP 1.2 Part 1 §5, Namespaces in XML 1.0 §6
 */

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** "" where it is in none. */
  readonly namespace: string;
  /** By name as written; those of a namespace with their prefix. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text in one piece: a comment in the middle does not shorten it. */
  readonly text: string;
  /** In the source, from its "<" to behind its last ">". */
  readonly start: number;
  readonly end: number;
  /** Behind the name in its start tag. */
  readonly nameEnd: number;
  /** Namespaces in scope of the parent, by prefix; "" is the default one. */
  readonly inherited: Scope;
  /** Prefixes that it declares itself. */
  readonly declared: Scope;
}

type Scope = Readonly<Record<string, string>>;

/** What is not XML, or more of it than anybody sends. The message names the reason, never what is in the document. */
export class XmlRefused extends Error {}

/** Answers of identity providers have some ten levels. */
const MAX_DEPTH = 64;
const MAX_ELEMENTS = 20_000;
const MAX_ATTRIBUTES = 64;
/** In scope of one element: each that declares more copies what it inherits. */
const MAX_NAMESPACES = 256;
/** Not \s: it shares characters with names (U+3000), and a pattern of both takes time that grows with the cube of the text. */
const SPACE = "[ \\t\\r\\n]";
const NAME = "[A-Za-z_\\u00b7-\\uffff][\\w.\\u00b7-\\uffff-]*";
const QNAME = `${NAME}(?::${NAME})?`;
// biome-ignore format: one alternative a line
const TOKEN = new RegExp(
  `</(?<end>${QNAME})${SPACE}*>` +
  `|<(?<start>${QNAME})(?<attributes>(?:${SPACE}+${QNAME}${SPACE}*=${SPACE}*(?:"[^"<]*"|'[^'<]*'))*)${SPACE}*(?<empty>/?)>` +
  `|(?<text>[^<]+)`,
  "y",
);
const ATTRIBUTE = new RegExp(`(${QNAME})${SPACE}*=${SPACE}*(?:"([^"]*)"|'([^']*)')`, "g");
// Everything that XML 1.0 §2.2 allows, half surrogates aside: those cannot come out of UTF-8.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
const XML = "http://www.w3.org/XML/1998/namespace";
const XMLNS = "http://www.w3.org/2000/xmlns/";

interface Open {
  readonly qname: string;
  readonly name: string;
  readonly namespace: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
  readonly start: number;
  readonly nameEnd: number;
  readonly inherited: Scope;
  readonly declared: Scope;
  /** Both of them. */
  readonly scope: Scope;
}

/**
 * UTF-8 only; a byte order mark is dropped.
 *
 * @throws XmlRefused
 */
export function xmlText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new XmlRefused("it is not UTF-8");
  }
}

/** @throws XmlRefused */
export function readXml(source: string): XmlElement {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(source)) throw new XmlRefused("it has a DOCTYPE");
  if (FORBIDDEN.test(source)) throw new XmlRefused("it holds a control character");
  const declaration = /^<\?xml(\s[^<>]{0,200})?\?>/.exec(source);
  const encoding = /\bencoding\s*=\s*["']([^"']*)["']/.exec(declaration?.[1] ?? "")?.[1];
  if (encoding !== undefined && !/^utf-?8$|^us-ascii$/i.test(encoding)) throw new XmlRefused("it is not UTF-8");

  const roots: XmlElement[] = [];
  const open: Open[] = [];
  let elements = 0;
  TOKEN.lastIndex = declaration?.[0].length ?? 0;
  while (TOKEN.lastIndex < source.length) {
    const start = TOKEN.lastIndex;
    const current = open.at(-1);
    const section = sectionAt(source, start);
    if (section !== undefined) {
      if (section.text !== "" && current === undefined) throw new XmlRefused("it is not well-formed");
      if (current !== undefined) current.text += section.text;
      TOKEN.lastIndex = section.end;
      continue;
    }
    const match = TOKEN.exec(source);
    if (match?.groups === undefined) {
      throw new XmlRefused(
        source.startsWith("<?", start) ? "it has a processing instruction" : "it is not well-formed",
      );
    }
    const { end, start: qname, attributes = "", empty, text = "" } = match.groups;
    if (qname !== undefined) {
      elements += 1;
      if (elements > MAX_ELEMENTS || open.length >= MAX_DEPTH) throw new XmlRefused("it is too large or too deep");
      const element = opened(qname, attributes, start, current);
      if (empty === "/") (current?.children ?? roots).push(closed(element, TOKEN.lastIndex));
      else open.push(element);
    } else if (end !== undefined) {
      if (current?.qname !== end) throw new XmlRefused("it is not well-formed");
      open.pop();
      (open.at(-1)?.children ?? roots).push(closed(current, TOKEN.lastIndex));
    } else if (current !== undefined) {
      current.text += decoded(text);
    } else if (text.trim() !== "") {
      throw new XmlRefused("it is not well-formed");
    }
  }
  const [root, ...others] = roots;
  if (root === undefined || others.length > 0 || open.length > 0) throw new XmlRefused("it is not well-formed");
  return root;
}

/**
 * An element as a document of its own: its very characters, with the namespaces that it inherits declared in its start tag, which
 * exclusive and inclusive canonicalization both take for the same.
 *
 * @param around prefixes that the new surroundings declare and the old ones did not: they are taken back ("" alone can be)
 */
export function cutOut(source: string, element: XmlElement, around: "nothing" | "a default namespace"): string {
  const { inherited, declared, start, nameEnd, end } = element;
  const carried: Record<string, string> = { ...(around === "nothing" ? {} : { "": "" }), ...inherited };
  const declarations = Object.entries(carried)
    .filter(([prefix, uri]) => !(prefix in declared) && (uri !== "" || around !== "nothing"))
    .map(([prefix, uri]) => ` xmlns${prefix === "" ? "" : `:${prefix}`}="${escapeXml(uri)}"`);
  return source.slice(start, nameEnd) + declarations.join("") + source.slice(nameEnd, end);
}

/** Child elements of that name. */
export function childrenOf(element: XmlElement | undefined, namespace: string, name: string): readonly XmlElement[] {
  return (element?.children ?? []).filter((child) => child.namespace === namespace && child.name === name);
}

/** The only child element of that name; undefined where there is none, or more than one. */
export function onlyChild(element: XmlElement | undefined, namespace: string, name: string): XmlElement | undefined {
  const [only, ...others] = childrenOf(element, namespace, name);
  return others.length === 0 ? only : undefined;
}

/** For text and for attributes in double quotes. */
export function escapeXml(text: string): string {
  const named: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => named[character] ?? "");
}

/** A comment, which says nothing, or a CDATA section. */
function sectionAt(source: string, start: number): { text: string; end: number } | undefined {
  const comment = source.startsWith("<!--", start);
  if (!comment && !source.startsWith("<![CDATA[", start)) return undefined;
  const from = start + (comment ? 4 : 9);
  const to = source.indexOf(comment ? "--" : "]]>", from);
  if (to < 0 || (comment && source[to + 2] !== ">")) throw new XmlRefused("it is not well-formed");
  return { text: comment ? "" : source.slice(from, to).replace(/\r\n?/g, "\n"), end: to + 3 };
}

function opened(qname: string, attributeText: string, start: number, parent: Open | undefined): Open {
  const inherited = parent?.scope ?? {};
  const declared: Record<string, string> = Object.create(null);
  const attributes: Record<string, string> = Object.create(null);
  let count = 0;
  for (const [, name = "", double, single] of attributeText.matchAll(ATTRIBUTE)) {
    count += 1;
    if (count > MAX_ATTRIBUTES) throw new XmlRefused("it has too many attributes in one element");
    const value = decoded((double ?? single ?? "").replace(/[\t\n]|\r\n?/g, " "));
    const prefix = name === "xmlns" ? "" : name.startsWith("xmlns:") ? name.slice(6) : undefined;
    const into = prefix === undefined ? attributes : declared;
    const key = prefix ?? name;
    if (key in into) throw new XmlRefused("it is not well-formed");
    const unusable = value === XMLNS || (prefix === "xml" && value !== XML) || (prefix !== "" && value === "");
    if (prefix === "xmlns" || (prefix !== undefined && unusable)) throw new XmlRefused("it is not well-formed");
    into[key] = value;
  }
  const declares = Object.keys(declared).length > 0;
  const scope: Scope = declares ? { ...inherited, ...declared } : inherited;
  if (declares && Object.keys(scope).length > MAX_NAMESPACES) throw new XmlRefused("it declares too many namespaces");
  for (const name of Object.keys(attributes)) if (name.includes(":")) namespaceOf(name, scope);
  const namespace = qname.includes(":") ? namespaceOf(qname, scope) : (scope[""] ?? "");
  return {
    qname,
    name: qname.slice(qname.indexOf(":") + 1),
    namespace,
    attributes,
    children: [],
    text: "",
    start,
    nameEnd: start + 1 + qname.length,
    inherited,
    declared,
    scope,
  };
}

function closed({ qname: _qname, scope: _scope, ...element }: Open, end: number): XmlElement {
  return { ...element, end };
}

function namespaceOf(qname: string, scope: Scope): string {
  const prefix = qname.slice(0, qname.indexOf(":"));
  if (prefix === "xml") return XML;
  const uri = Object.hasOwn(scope, prefix) ? scope[prefix] : undefined;
  if (uri === undefined) throw new XmlRefused("it uses a prefix that nobody declares");
  return uri;
}

/** The five entities and character references: others would need a DOCTYPE. */
function decoded(text: string): string {
  const plain = text.replace(/\r\n?/g, "\n");
  if (!plain.includes("&")) return plain;
  return plain.replace(/&(?:#(\d{1,7});|#x([\dA-Fa-f]{1,6});|(lt|gt|quot|apos|amp);)?/g, (_, decimal, hex, name) => {
    const character = name === undefined ? referenced(decimal, hex) : ENTITIES[name];
    if (character === undefined) throw new XmlRefused("it uses an entity that XML does not know by itself");
    return character;
  });
}

function referenced(decimal: string | undefined, hex: string | undefined): string | undefined {
  const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
  if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  const character = String.fromCodePoint(code);
  return FORBIDDEN.test(character) ? undefined : character;
}
