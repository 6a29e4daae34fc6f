import { type Token, Tokenizer, TokenizerMode } from "parse5";

/** A control as it would be submitted. Names keep their case, since servers compare them. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Lower case: text, password, hidden, submit, select, textarea, checkbox, … */
  readonly type: string;
  readonly id: string;
  readonly autocomplete: string;
}

export interface Form {
  readonly id: string;
  /** As written: relative, "", "?", "#" or hostile; {@link formTarget} judges it. */
  readonly action: string;
  readonly method: "GET" | "POST" | "other";
  /** In the order of the page, without buttons and without boxes that are not ticked. */
  readonly fields: readonly Field[];
  readonly buttons: readonly Field[];
  /** A button that shows only without scripts: the page posts itself. */
  readonly noscriptButton: boolean;
}

export interface HtmlPage {
  readonly title: string;
  readonly forms: readonly Form[];
  /** <base href>, as written. */
  readonly base: string | undefined;
  /** Of <meta http-equiv=refresh>, as written. */
  readonly refresh: string | undefined;
  /** A script, or an attribute such as onload, calls submit(). */
  readonly scriptSubmits: boolean;
  /** Texts of elements that look like messages; the codes of LemonLDAP::NG's (trmsg) as "trmsg:5". */
  readonly notices: readonly string[];
  /** What a person would read, blanks folded, cut. */
  readonly text: string;
  /** src, id and data-host of frames and of elements made for a second factor. */
  readonly frames: readonly string[];
}

/** A page no identity provider makes. The text says why, in one line. */
export class HtmlRefused extends Error {}

const MAX_FORMS = 200;
const MAX_FIELDS = 2_000;
const MAX_TEXT = 20_000;
const MAX_NOTICES = 20;
const MAX_NOTICE = 400;
/** A tag's text is copied before it is looked at, so the parser is fed a piece at a time. */
const CHUNK = 16 * 1024;
const MAX_ATTRIBUTES = 500;

const RAW_TEXT = new Set(["style", "xmp", "iframe", "noembed", "noframes"]);
const BUTTONS = new Set(["submit", "image", "button", "reset"]);
const NOTICE = /error|alert|warning|feedback|message|fault|invalid/i;

interface OpenForm extends Form {
  readonly fields: Field[];
  readonly buttons: Field[];
  noscriptButton: boolean;
}

interface Capture {
  readonly tag: string;
  depth: number;
  text: string;
}

/**
 * Reads what a browser would submit, in one pass over the tags: form owners are found by the standard's form element pointer, so
 * no tree is built and neither depth nor misnesting costs anything.
 *
 * @throws HtmlRefused
 * @see https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
 */
export function readHtml(html: string): HtmlPage {
  const forms: OpenForm[] = [];
  const strays: { readonly owner: string; readonly field: Field; readonly button: boolean }[] = [];
  const notices: string[] = [];
  const frames: string[] = [];
  let current: OpenForm | undefined;
  let select:
    | { field: Field; owner: string | undefined; first: string | undefined; chosen: string | undefined }
    | undefined;
  let option: { value: string | undefined; text: string; selected: boolean } | undefined;
  let textarea: { field: Field; owner: string | undefined; text: string } | undefined;
  let capture: Capture | undefined;
  let inNoscript = false;
  let inTitle = false;
  let inScript = false;
  let title = "";
  let text = "";
  let script = "";
  let base: string | undefined;
  let refresh: string | undefined;
  let scriptSubmits = false;
  let fieldCount = 0;

  const keep = (field: Field, owner: string | undefined, button = false): void => {
    fieldCount += 1;
    if (fieldCount > MAX_FIELDS) throw new HtmlRefused(`a page with more than ${MAX_FIELDS} form fields`);
    if (owner !== undefined) strays.push({ owner, field, button });
    else if (current !== undefined) {
      (button ? current.buttons : current.fields).push(field);
      if (button && inNoscript) current.noscriptButton = true;
    }
  };
  const endOption = (): void => {
    if (option === undefined || select === undefined) return;
    const value = option.value ?? option.text.trim();
    select.first ??= value;
    if (option.selected) select.chosen = value;
    option = undefined;
  };
  const endSelect = (): void => {
    endOption();
    if (select === undefined) return;
    const value = select.chosen ?? select.first;
    if (value !== undefined) keep({ ...select.field, value }, select.owner);
    select = undefined;
  };
  const endTextarea = (): void => {
    if (textarea !== undefined) keep({ ...textarea.field, value: textarea.text.replace(/^\n/, "") }, textarea.owner);
    textarea = undefined;
  };

  const onStartTag = (token: Token.TagToken): void => {
    const tag = token.tagName;
    const attributes = new Map(token.attrs.map(({ name, value }) => [name, value]));
    const get = (name: string): string => attributes.get(name) ?? "";
    const owner = attributes.get("form");
    if (!tokenizer.inForeignNode) {
      if (tag === "script") tokenizer.state = TokenizerMode.SCRIPT_DATA;
      else if (tag === "textarea" || tag === "title") tokenizer.state = TokenizerMode.RCDATA;
      else if (RAW_TEXT.has(tag)) tokenizer.state = TokenizerMode.RAWTEXT;
      else if (tag === "plaintext") tokenizer.state = TokenizerMode.PLAINTEXT;
    }
    if (/\.\s*submit\s*\(/.test(`${get("onload")} ${get("onpageshow")}`)) scriptSubmits = true;
    if (capture !== undefined && capture.tag === tag) capture.depth += 1;
    else if (
      capture === undefined &&
      !inNoscript &&
      NOTICE.test(`${get("id")} ${get("class")} ${get("role")}`) &&
      !isVoid(tag) &&
      tag !== "script"
    )
      capture = { tag, depth: 1, text: "" };
    if (attributes.has("trmsg") && notices.length < MAX_NOTICES)
      notices.push(`trmsg:${get("trmsg").trim().slice(0, 20)}`);
    if (capture !== undefined && capture.text !== "") capture.text += " ";
    text += " ";

    switch (tag) {
      case "base":
        base ??= attributes.get("href");
        break;
      case "meta":
        if (get("http-equiv").trim().toLowerCase() === "refresh") refresh ??= refreshTarget(get("content"));
        break;
      case "noscript":
        inNoscript = true;
        break;
      case "title":
        inTitle = title === "";
        break;
      case "script":
        inScript = true;
        script = "";
        frames.push(get("src").slice(0, 300));
        break;
      case "iframe":
      case "frame":
        frames.push(`${get("id")} ${get("src")} ${get("data-host")}`.slice(0, 300));
        break;
      case "form":
        // A form inside a form is not there, as in every browser.
        if (current !== undefined) break;
        if (forms.length >= MAX_FORMS) throw new HtmlRefused(`a page with more than ${MAX_FORMS} forms`);
        current = {
          id: get("id"),
          action: attributes.get("action") ?? "",
          method: methodOf(get("method")),
          fields: [],
          buttons: [],
          noscriptButton: false,
        };
        forms.push(current);
        break;
      case "input": {
        const type = get("type").trim().toLowerCase() || "text";
        if (attributes.has("disabled") || type === "file") break;
        if ((type === "checkbox" || type === "radio") && !attributes.has("checked")) break;
        const value = attributes.get("value") ?? (type === "checkbox" || type === "radio" ? "on" : "");
        keep(fieldOf(get, type, value), owner, BUTTONS.has(type));
        break;
      }
      case "button": {
        const type = get("type").trim().toLowerCase() || "submit";
        if (!attributes.has("disabled"))
          keep(fieldOf(get, BUTTONS.has(type) ? type : "submit", get("value")), owner, true);
        break;
      }
      case "select":
        endSelect();
        if (!attributes.has("disabled"))
          select = { field: fieldOf(get, "select", ""), owner, first: undefined, chosen: undefined };
        break;
      case "option":
        endOption();
        option = { value: attributes.get("value"), text: "", selected: attributes.has("selected") };
        break;
      case "textarea":
        if (!attributes.has("disabled")) textarea = { field: fieldOf(get, "textarea", ""), owner, text: "" };
        break;
    }
  };

  const onEndTag = ({ tagName: tag }: Token.TagToken): void => {
    if (capture?.tag === tag) {
      capture.depth -= 1;
      if (capture.depth === 0) {
        const said = folded(capture.text);
        if (said !== "" && notices.length < MAX_NOTICES) notices.push(said.slice(0, MAX_NOTICE));
        capture = undefined;
      }
    }
    text += " ";
    if (tag === "form") current = undefined;
    else if (tag === "noscript") inNoscript = false;
    else if (tag === "title") inTitle = false;
    else if (tag === "select") endSelect();
    else if (tag === "option") endOption();
    else if (tag === "textarea") endTextarea();
    else if (tag === "script") {
      inScript = false;
      if (/\.\s*submit\s*\(/.test(script)) scriptSubmits = true;
    }
  };

  const onText = ({ chars }: Token.CharacterToken): void => {
    if (inScript) {
      if (script.length < MAX_TEXT) script += chars;
      return;
    }
    if (textarea !== undefined) {
      textarea.text += chars;
      return;
    }
    if (option !== undefined) {
      if (option.text.length < MAX_NOTICE) option.text += chars;
      return;
    }
    if (inTitle) {
      if (title.length < MAX_NOTICE) title += chars;
      return;
    }
    if (text.length < MAX_TEXT) text += chars;
    if (capture !== undefined && capture.text.length < 4 * MAX_NOTICE) capture.text += chars;
  };

  const nothing = (): void => {};
  const tokenizer = new Tokenizer(
    {},
    {
      onStartTag: (token) => {
        if (token.attrs.length > MAX_ATTRIBUTES)
          throw new HtmlRefused(`a tag with more than ${MAX_ATTRIBUTES} attributes`);
        onStartTag(token);
      },
      onEndTag,
      onCharacter: onText,
      onWhitespaceCharacter: onText,
      onNullCharacter: nothing,
      onComment: nothing,
      onDoctype: nothing,
      onEof: nothing,
    },
  );
  for (let at = 0; at < html.length; at += CHUNK) tokenizer.write(html.slice(at, at + CHUNK), false);
  tokenizer.write("", true);
  endTextarea();
  endSelect();

  for (const { owner, field, button } of strays) {
    const form = forms.find(({ id }) => id === owner);
    (button ? form?.buttons : form?.fields)?.push(field);
  }
  return {
    title: folded(title).slice(0, MAX_NOTICE),
    forms,
    base,
    refresh,
    scriptSubmits,
    notices: [...new Set(notices)],
    text: folded(text).slice(0, MAX_TEXT),
    frames: frames.filter((one) => one.trim() !== "").slice(0, 50),
  };
}

/**
 * Where a form goes: its action against the page. A <base> of another origin is not obeyed: a page that can be made to hold one must
 * not send our fields away.
 */
export function resolveLink(link: string, page: HtmlPage, pageUrl: URL): URL | undefined {
  const written = link.trim();
  const from = baseUrl(page, pageUrl);
  try {
    // An empty action is the page itself, whatever <base> says.
    const url = new URL(written, written === "" ? pageUrl : from);
    url.hash = "";
    return url;
  } catch {
    return undefined;
  }
}

function baseUrl({ base }: HtmlPage, pageUrl: URL): URL {
  if (base === undefined) return pageUrl;
  try {
    const url = new URL(base.trim(), pageUrl);
    return url.origin === pageUrl.origin ? url : pageUrl;
  } catch {
    return pageUrl;
  }
}

function fieldOf(get: (name: string) => string, type: string, value: string): Field {
  return { name: get("name"), value, type, id: get("id"), autocomplete: get("autocomplete").toLowerCase() };
}

function methodOf(method: string): Form["method"] {
  const name = method.trim().toLowerCase();
  if (name === "post") return "POST";
  return name === "dialog" ? "other" : "GET";
}

/** "0; url='/next'" and its many spellings. */
function refreshTarget(content: string): string | undefined {
  const match = /^[\d.]*\s*[;,]\s*(?:url\s*=\s*)?(.*)$/is.exec(content.trim().slice(0, 8_000));
  const target = match?.[1]?.trim() ?? "";
  const quoted = /^(["'])(.*?)(?:\1|$)/s.exec(target);
  return (quoted?.[2] ?? target) || undefined;
}

function isVoid(tag: string): boolean {
  return /^(input|img|br|hr|meta|link|base|area|col|embed|source|track|wbr)$/.test(tag);
}

function folded(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
