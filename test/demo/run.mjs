// npm run demo
import { runTypeScript } from "../support/run-typescript.mjs";

process.exit(await runTypeScript(["test/demo/demo.ts", "test/demo/caller.ts"]));
