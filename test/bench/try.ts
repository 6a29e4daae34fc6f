import { benchKerberos } from "./kerberos.ts";

await benchKerberos(1, console.log);
