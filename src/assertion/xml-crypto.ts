// A module of its own, because the bundler gives import() of a CommonJS package a default export alone.
export { SignedXml } from "xml-crypto";
