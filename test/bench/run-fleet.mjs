// npm run bench:fleet [-- MACHINES …]
import { runTypeScript } from "../support/run-typescript.mjs";

process.exit(await runTypeScript(["test/bench/fleet.ts"], process.argv.slice(2)));
