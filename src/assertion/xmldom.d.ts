/** The parts of @xmldom/xmldom that we use. */
export interface DomNode {
  /** 1 element, 3 text, 4 CDATA section, 8 comment. */
  readonly nodeType: number;
  readonly nodeName: string;
  readonly localName?: string | null;
  readonly prefix?: string | null;
  readonly namespaceURI?: string | null;
  readonly data?: string;
  readonly firstChild: DomNode | null;
  readonly nextSibling: DomNode | null;
  readonly attributes?: { readonly length: number; item(index: number): DomAttribute | null };
}

interface DomAttribute {
  readonly nodeName: string;
  readonly localName: string | null;
  readonly prefix: string | null;
  readonly namespaceURI: string | null;
  readonly value: string;
}

export class DOMParser {
  constructor(options: { errorHandler: (level: string, message: string) => void });
  parseFromString(xml: string, type: string): { readonly documentElement: DomNode | null };
}
