import { AppError } from "@weftwork/core";

// Primary result codes of SQLite (https://sqlite.org/rescode.html).
const BUSY = 5;
const [FULL, TOO_BIG, CONSTRAINT, MISMATCH, CORRUPT, NOT_A_DATABASE, RANGE] = [13, 18, 19, 20, 11, 26, 25];

/** The primary result code of an error of SQLite; null for any other error. */
function resultCode(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : null;
}

/** Whether the error says that one row cannot be stored, rather than that the store cannot work. */
export function isDataError(error: unknown): boolean {
  const code = resultCode(error);
  if (code !== null) return code === TOO_BIG || code === CONSTRAINT || code === MISMATCH || code === RANGE;
  // node:sqlite refuses values that it cannot bind before SQLite sees them.
  const nodeCode = (error as { code?: unknown } | null)?.code;
  return nodeCode === "ERR_INVALID_ARG_TYPE" || nodeCode === "ERR_OUT_OF_RANGE" || nodeCode === "ERR_STRING_TOO_LONG";
}

/** Whether pages of the database file hold what SQLite did not write, or numbers that no row of ours has. */
export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  if (code !== null) return code === CORRUPT || code === NOT_A_DATABASE;
  return (error as { code?: unknown } | null)?.code === "ERR_OUT_OF_RANGE";
}

/** Whether another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

/** The error of the table that a failure of SQLite is. Errors of the table pass through. */
export function storeError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = resultCode(error);
  if (code === FULL) return new AppError("STORE_FULL", { reason }, { cause: error });
  // Errors of the operating system (no such folder, no permission) have the name of the call that failed.
  const ofSystem = typeof (error as { syscall?: unknown } | null)?.syscall === "string";
  if (code !== null || ofSystem) return new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
  return new AppError("INTERNAL", { reason }, { cause: error });
}
