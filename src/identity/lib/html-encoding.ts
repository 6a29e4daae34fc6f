const DEFAULT_CHARSET = "utf-8";

/** The bytes of a page as text. The Content-Type names the charset, else a <meta> among the first bytes, else it is UTF-8. */
export function htmlText(body: Uint8Array, contentType: string | undefined): { text: string; charset: string } {
  const stated = /charset\s*=\s*["']?([\w.:-]+)/i.exec(contentType ?? "")?.[1] ?? metaCharset(body);
  const decoder = decoderFor(stated ?? DEFAULT_CHARSET);
  return { text: decoder.decode(body), charset: decoder.encoding };
}

function decoderFor(label: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder(DEFAULT_CHARSET);
  }
}

/** @see https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding */
function metaCharset(body: Uint8Array): string | undefined {
  const start = new TextDecoder("latin1").decode(body.subarray(0, 1024));
  const stated = /<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]+)/i.exec(start)?.[1];
  // A page that says so in ASCII is not in UTF-16.
  return stated !== undefined && /^utf-?16/i.test(stated) ? DEFAULT_CHARSET : stated;
}

/**
 * application/x-www-form-urlencoded in the page's own charset, as browsers do: an old page in Latin-1 reads a password in it too.
 * Other charsets get UTF-8.
 */
export function encodeForm(fields: readonly (readonly [name: string, value: string])[], charset: string): string {
  const latin = charset === "windows-1252" && fields.flat().every((one) => /^[\0-\x7f\xa0-\xff]*$/.test(one));
  if (!latin) return new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString();
  const encode = (text: string): string =>
    text.replace(/[^A-Za-z0-9*._-]/g, (one) =>
      one === " " ? "+" : `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    );
  return fields.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}
