// npm run bench
import { runTypeScript } from "../support/run-typescript.mjs";

process.exit(await runTypeScript(["test/bench/bench.ts"], process.argv.slice(2)));
