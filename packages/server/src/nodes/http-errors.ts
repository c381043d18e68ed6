import { AppError, failure, type JsonObject } from "@weftwork/core";
import { failedAs, type ChosenOutcome } from "./define-node.ts";

const RETRY_AFTER_MS_MAX = 3_600_000;

/** A failed request that would fail the same way again. */
export class FinalRequestError extends AppError {
  override get retryable(): boolean {
    return false;
  }
}

/** Why a body that arrived whole cannot be used. Asking again would bring the same. */
export class UnreadableBody extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "UnreadableBody";
  }
}

export function tooLarge(size: number, limit: number): AppError {
  return new AppError("RESULT_TOO_LARGE", { size, limit, setting: "the response limit of http steps" });
}

/** What kind of trouble an error of the network is; `details.kind` of `REQUEST_FAILED`. */
type Kind = "dns" | "connect" | "tls" | "cut" | "protocol" | "body" | "network";

const KINDS: readonly (readonly [codes: RegExp, kind: Kind])[] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA)$/, "dns"],
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, "connect"],
  [/^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH)/, "tls"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|UND_ERR_ABORTED)$/, "cut"],
  [/^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_REQ_CONTENT_LENGTH_MISMATCH)/, "protocol"],
  [/^(Z_|ERR__ERROR_FORMAT|ERR_BROTLI|ERR_)/, "body"],
];

/** Kinds that a second try does not change. */
const FINAL: ReadonlySet<Kind> = new Set(["tls", "protocol"]);

/** Whatever went wrong with a request, typed. Names the origin only: paths and queries may hold secrets. */
export function requestError(error: unknown, url: URL): AppError {
  if (error instanceof AppError) return error;
  const target = url.origin;
  if (error instanceof UnreadableBody) {
    return new FinalRequestError("REQUEST_FAILED", { target, reason: error.message, kind: "body" });
  }
  const code = codeOf(error);
  const kind = KINDS.find(([codes]) => codes.test(code))?.[1] ?? "network";
  const details = { target, reason: reasonOf(error), kind };
  return FINAL.has(kind)
    ? new FinalRequestError("REQUEST_FAILED", details, { cause: error })
    : new AppError("REQUEST_FAILED", details, { cause: error });
}

/** An answer that is none of use, and would be the same again. */
export function finalError(url: URL, reason: string, more: JsonObject = {}): AppError {
  return new FinalRequestError("REQUEST_FAILED", { target: url.origin, reason, kind: "answer", ...more });
}

/** The failure that a status stands for. Its excerpt of the body is in the details, not in the message. */
export function statusFailure(url: URL, status: number, retryAfter: string | null, body: string): ChosenOutcome {
  const retryable = status >= 500 || status === 408 || status === 425 || status === 429;
  const reason = { ...failure("REQUEST_STATUS", { target: url.origin, status, body }), retryable };
  return failedAs(reason, retryable ? retryAfterMs(retryAfter) : undefined);
}

/** `Retry-After` in milliseconds: seconds or a date, at most an hour. */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}

/** Words for an error of the network. Node leaves the message empty when several addresses failed. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || codeOf(error) || error.name;
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return "";
  // The parser of answers gives a code to some of its errors only.
  if (error.name === "HTTPParserError") return "HPE_";
  return "code" in error ? String(error.code) : "";
}
