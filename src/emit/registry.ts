import { dotenvFormat } from "./dotenv.ts";
import { envFormat } from "./env.ts";
import { envNoExportFormat } from "./env-no-export.ts";
import { fishFormat } from "./fish.ts";
import type { Format } from "./format.ts";
import { jsonFormat } from "./json.ts";
import { powershellFormat } from "./powershell.ts";
import { processFormat } from "./process.ts";
import { systemdFormat } from "./systemd.ts";
import { windowsCmdFormat } from "./windows-cmd.ts";

/** Every format, in the order help shows them: AWS's own names first, then ours. */
export const FORMATS: readonly Format[] = [
  processFormat,
  envFormat,
  envNoExportFormat,
  powershellFormat,
  windowsCmdFormat,
  fishFormat,
  dotenvFormat,
  systemdFormat,
  jsonFormat,
];

export function formatNamed(name: string): Format | undefined {
  return FORMATS.find((format) => format.name === name);
}
