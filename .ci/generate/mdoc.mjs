// mdoc(7): the pieces that man pages are made of.

import { sentence } from "./lines.mjs";

/** sts-broker-config-check, of "config check". */
export function pageOf(name) {
  return `sts-broker-${name.replaceAll(" ", "-")}`;
}

const WIDTH = 78;

/** Running text in lines of mdoc's length; macros and literal blocks stay as they are. */
export function wrapped(page) {
  let isLiteral = false;
  return page
    .split("\n")
    .flatMap((line) => {
      if (line.startsWith(".Bd -literal")) isLiteral = true;
      if (line.startsWith(".Ed")) isLiteral = false;
      if (isLiteral || line.startsWith(".") || line.length <= WIDTH) return [line];
      const lines = [];
      for (const word of line.split(" ")) {
        const last = lines.at(-1);
        // A line that starts with one of these would be a macro.
        if (last !== undefined && (`${last} ${word}`.length <= WIDTH || /^[.']/.test(word)))
          lines[lines.length - 1] = `${last} ${word}`;
        else lines.push(word);
      }
      return lines;
    })
    .join("\n");
}

export function list(entries, macro, told = sentence) {
  return [
    ".Bl -tag -width Ds",
    ...entries.flatMap(({ name, summary }) => [`.It ${macro} ${name}`, text(told(summary))]),
    ".El",
  ].join("\n");
}

export function operandLines(operands) {
  return operands.split(" ").map((word) => (word === "--" ? ".Fl -" : operandMacro(word, ".")));
}

/** COMMAND, or [ARGUMENT...] */
function operandMacro(word, dot) {
  const name = word.replace(/[[\].]/g, "").toLowerCase();
  return word.startsWith("[") ? `${dot}Op Ar ${name} ...` : `${dot}Ar ${name}`;
}

export function optionLines({ name, short, value, choices, summary }) {
  const argument = value === undefined ? "" : ` Ar ${value.toLowerCase()}`;
  const flags = `${short === undefined ? "" : `Fl ${short} , `}Fl -${name}${argument}`;
  const among =
    choices === undefined
      ? []
      : ["One of", ...choices.map((one, index) => `.Cm ${one}${index === choices.length - 1 ? " ." : " ,"}`)];
  return [`.It ${flags}`, text(sentence(summary)), ...among];
}

export function literal(block) {
  const lines = block
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? "" : text(line).replaceAll("-", "\\-").replaceAll("'", "\\(aq")));
  return `.Bd -literal -offset indent\n${lines.join("\n")}\n.Ed\n`;
}

/** A line of running text. */
export function text(line) {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll("`", "\\(ga")
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/^[.']/, "\\&$&");
}
