import { AppError } from "@weftwork/core";

/** What to do about an error of PostgreSQL or of the way to it. */
export type ErrorKind =
  /** The connection went, perhaps after the statement was done: repeat it on another one. */
  | "lost"
  /** The statement was undone for the sake of another: repeat it. */
  | "repeat"
  /** One of the values cannot be stored: find which. */
  | "data"
  /** The store cannot work now. */
  | "unavailable"
  | "full"
  | "defect";

const REPEAT = new Set(["40001", "40P01", "55P03", "22012"]);

export function errorKind(error: unknown): ErrorKind {
  if (error instanceof AppError) return "defect";
  const code = (error as { code?: unknown } | null)?.code;
  // An error of the server has a five-character SQLSTATE and a severity; all others come from the socket.
  if (typeof code !== "string" || code.length !== 5 || !("severity" in (error as object))) {
    return isProgramError(error) ? "defect" : "lost";
  }
  if (REPEAT.has(code)) return "repeat";
  if (code === "53100") return "full";
  if (code.startsWith("08") || code === "57P01" || code === "57P02" || code === "57P03") return "lost";
  if (code.startsWith("22") || code.startsWith("23") || code.startsWith("54")) return "data";
  if (code.startsWith("53") || code.startsWith("57") || code.startsWith("58") || code === "25006") return "unavailable";
  if (code.startsWith("28") || code.startsWith("3D")) return "unavailable";
  return "defect";
}

function isProgramError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** The error of the table that a failure is. */
export function storeError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = reasonOf(error);
  const kind = errorKind(error);
  if (kind === "full") return new AppError("STORE_FULL", { reason }, { cause: error });
  if (kind === "defect" || kind === "data") return new AppError("INTERNAL", { reason }, { cause: error });
  return new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
}

export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((inner) => reasonOf(inner)).join("; ");
  return error instanceof Error ? error.message : String(error);
}
