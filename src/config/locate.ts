import { type AST, parseTOML } from "toml-eslint-parser";

export interface Position {
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
}

type Keyed = AST.TOMLTable | AST.TOMLKeyValue;

/**
 * Where a key of a TOML document stands, or its nearest enclosing table when the key itself is not there.
 * @param path keys from the top, as in ["profile", "billing", "region"]
 */
export function locate(text: string, path: readonly string[]): Position | undefined {
  let top: AST.TOMLTopLevelTable;
  try {
    top = parseTOML(text.replace(/^\uFEFF/, "")).body[0];
  } catch {
    return undefined;
  }
  let best: { depth: number; node: AST.TOMLNode } | undefined;
  const consider = (at: readonly string[], nameAt: AST.TOMLNode): void => {
    const matches = at.length <= path.length && at.every((key, index) => key === path[index]);
    if (matches && at.length > (best?.depth ?? 0)) best = { depth: at.length, node: nameAt };
  };
  const walk = (nodes: readonly Keyed[], prefix: readonly string[]): void => {
    for (const node of nodes) {
      const names = node.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
      const at = [...prefix, ...names];
      const last = node.key.keys[node.key.keys.length - 1] ?? node.key;
      consider(at, node.type === "TOMLTable" ? node.key : last);
      if (node.type === "TOMLTable") walk(node.body, at);
      else if (node.value.type === "TOMLInlineTable") walk(node.value.body, at);
    }
  };
  walk(top.body, []);
  return best === undefined ? undefined : { line: best.node.loc.start.line, column: best.node.loc.start.column + 1 };
}
