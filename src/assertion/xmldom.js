// The package's own types pull in all of the browser's globals (lib "dom"), where a forgotten import of `name` or `status` compiles.
// TypeScript reads xmldom.d.ts instead.
export { DOMParser } from "@xmldom/xmldom";
