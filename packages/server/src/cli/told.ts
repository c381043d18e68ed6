import { AppError } from "@weftwork/core";
import { WeftError } from "@weftwork/sdk";
import { CommanderError } from "commander";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { errorLines, remoteErrorLines } from "./problems.ts";

/** Errors whose remedy is in the caller's hands: the file, the inputs, the configuration. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  "CONFIGURATION_INVALID",
  "INVALID_INPUTS",
  "INVALID_JSON",
  "INVALID_REQUEST",
  "INVALID_WORKFLOW",
  "MASTER_KEY_INVALID",
  "SECRET_INVALID",
]);

/** Says on standard error what went wrong and returns the exit code. */
export function told(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  if (error instanceof UsageError || error instanceof CommandError) {
    process.stderr.write(`weft: ${error.message}\n`);
    return error instanceof UsageError ? EXIT.USAGE : EXIT.FAILED;
  }
  if (error instanceof WeftError) {
    process.stderr.write(`${remoteErrorLines(error)}\n`);
    return USAGE_CODES.has(error.code.toUpperCase()) ? EXIT.USAGE : EXIT.FAILED;
  }
  if (error instanceof AppError) {
    process.stderr.write(`${errorLines(error)}\n`);
    return USAGE_CODES.has(error.code) ? EXIT.USAGE : EXIT.FAILED;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    process.stderr.write(`weft: ${say("port.used")}\n`);
    return EXIT.FAILED;
  }
  process.stderr.write(`weft: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.FAILED;
}
