// Bun is linked into the standalone, and its npm packages bring no notices along. What it holds is listed by its authors alone:
// https://github.com/oven-sh/bun/blob/main/LICENSE.md. To be compared with that page whenever Bun's version is changed.

export const BUN_LICENCE = "MIT";

/** Its authors name no holder there; the firm and its founder are who publishes it. */
export const BUN_HOLDER = "Oven (Jarred Sumner) and the other authors of Bun";

/** For modules of Node's, all under the MIT licence. */
const POLYFILLS = [
  ...["acorn", "acorn-walk", "assert", "browserify-zlib", "buffer", "constants-browserify", "crypto-browserify"],
  ...["domain-browser", "events", "https-browserify", "os-browserify", "path-browserify", "process", "punycode"],
  ...["querystring-es3", "stream-browserify", "stream-http", "string_decoder", "timers-browserify", "tty-browserify"],
  ...["url", "util", "vm-browserify"],
];

/** Linked statically into Bun, or held by it: name, licence as an SPDX expression, where its source and notices are. */
export const BUN_PARTS = [
  ["JavaScriptCore and WebKit (oven-sh/WebKit)", "LGPL-2.0-or-later", "https://github.com/oven-sh/WebKit"],
  ["tinycc", "LGPL-2.1-or-later", "https://github.com/tinycc/tinycc"],
  ["base64", "BSD-2-Clause", "https://github.com/aklomp/base64"],
  ["boringssl", "Apache-2.0", "https://boringssl.googlesource.com/boringssl"],
  ["brotli", "MIT", "https://github.com/google/brotli"],
  ["c-ares", "MIT", "https://github.com/c-ares/c-ares"],
  ["highway", "Apache-2.0", "https://github.com/google/highway"],
  ["icu", "Unicode-3.0", "https://github.com/unicode-org/icu"],
  ["libarchive", "BSD-2-Clause", "https://github.com/libarchive/libarchive"],
  ["libcxxabi", "Apache-2.0 WITH LLVM-exception", "https://github.com/llvm/llvm-project"],
  ["libdeflate", "MIT", "https://github.com/ebiggers/libdeflate"],
  ["libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib", "https://github.com/libjpeg-turbo/libjpeg-turbo"],
  ["libspng", "BSD-2-Clause", "https://github.com/randy408/libspng"],
  ["libwebp", "BSD-3-Clause", "https://github.com/webmproject/libwebp"],
  ["lol-html", "BSD-3-Clause", "https://github.com/cloudflare/lol-html"],
  ["ls-hpack", "MIT", "https://github.com/litespeedtech/ls-hpack"],
  ["ls-qpack", "MIT", "https://github.com/litespeedtech/ls-qpack"],
  ["lsquic", "MIT AND BSD-3-Clause", "https://github.com/litespeedtech/lsquic"],
  ["mimalloc", "MIT", "https://github.com/microsoft/mimalloc"],
  ["picohttpparser", "MIT", "https://github.com/h2o/picohttpparser"],
  ["simdutf", "Apache-2.0", "https://github.com/simdutf/simdutf"],
  ["tigerbeetle (parts)", "Apache-2.0", "https://github.com/tigerbeetle/tigerbeetle"],
  ["uSockets", "Apache-2.0", "https://github.com/uNetworking/uSockets"],
  ["uucode", "MIT", "https://github.com/jacobsandlund/uucode"],
  ["uWebSockets (fork)", "Apache-2.0", "https://github.com/jarred-sumner/uwebsockets"],
  ["zlib-ng", "Zlib", "https://github.com/zlib-ng/zlib-ng"],
  ["zstd", "BSD-3-Clause", "https://github.com/facebook/zstd"],
  ["esbuild (parts, ported)", "MIT", "https://github.com/evanw/esbuild"],
  ...POLYFILLS.map((name) => [name, "MIT", `https://www.npmjs.com/package/${name}`]),
];
