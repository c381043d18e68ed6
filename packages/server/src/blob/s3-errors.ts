import { AppError } from "@weftwork/core";

const FULL: ReadonlySet<unknown> = new Set(["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"]);

/** The status that the store answered with; null where it did not answer. */
export function statusOf(error: unknown): number | null {
  const { status } = error as { status?: unknown };
  return typeof status === "number" ? status : null;
}

/**
 * A failure of the object store as an error of the table. Only its status and code are told: an answer may quote the
 * access key and what was signed with it.
 */
export function s3Error(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const status = statusOf(error);
  const { serviceCode, code, cause } = error as { serviceCode?: unknown; code?: unknown; cause?: { code?: unknown } };
  if (status === 507 || FULL.has(serviceCode)) {
    return new AppError("STORE_FULL", { reason: `the object store answered ${status} ${String(serviceCode)}` });
  }
  if (status !== null) {
    const denied = status === 401 || status === 403 || serviceCode === "NoSuchBucket";
    const remedy = denied ? "; check WEFT_S3_URL, WEFT_S3_REGION and the keys" : "";
    return unavailable(`it answered ${status} ${String(serviceCode ?? "")}${remedy}`);
  }
  const known = [code, cause?.code].find((one) => typeof one === "string");
  return unavailable(typeof known === "string" ? known : error instanceof Error ? error.name : "no answer");
}

function unavailable(reason: string): AppError {
  return new AppError("STORE_UNAVAILABLE", { reason: `the object store: ${reason.trim()}` });
}
