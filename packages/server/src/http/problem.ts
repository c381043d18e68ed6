import { STATUS_CODES } from "node:http";
import {
  AppError,
  fillMessage,
  isJsonObject,
  type ErrorCode,
  type Json,
  type JsonObject,
  type Problem as WorkflowProblem,
} from "@weftwork/core";
import type { FastifyError } from "fastify";
import type { Language } from "./language.ts";
import { MESSAGES_ZH, TITLES_ZH } from "./problems-zh.ts";

/** An error body of the native surface: RFC 9457, with the members that every answer of ours has. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The code of the error table, in lower case. */
  readonly code: string;
  readonly request_id: string;
  readonly retryable: boolean;
  readonly errors?: readonly JsonObject[];
  /** The quotas that were met. */
  readonly "violated-policies"?: readonly string[];
}

/** Types of problems that others have named; ours have their code. */
const REGISTERED = "https://iana.org/assignments/http-problem-types#";
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  BACKLOG_FULL: `${REGISTERED}quota-exceeded`,
  OVERLOADED: `${REGISTERED}temporary-reduced-capacity`,
};

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export function problemBody(
  error: AppError,
  requestId: string,
  { status = error.status, language = "en" }: { readonly status?: number; readonly language?: Language } = {},
): ProblemBody {
  const errors = errorsOf(error.details);
  const isChinese = language === "zh-CN";
  return {
    type: TYPES[error.code] ?? "about:blank",
    title: (isChinese ? TITLES_ZH[status] : undefined) ?? STATUS_CODES[status] ?? "Error",
    status,
    detail: isChinese ? fillMessage(MESSAGES_ZH[error.code], error.details) : error.message,
    code: error.code.toLowerCase(),
    request_id: requestId,
    retryable: error.retryable,
    ...(errors.length > 0 ? { errors } : {}),
    ...(error.code === "BACKLOG_FULL" ? { "violated-policies": ["open-runs"] } : {}),
  };
}

/** Where the error itself names no time. */
const AFTER_SECONDS: Partial<Record<ErrorCode, number>> = { SHUTTING_DOWN: 5, STORE_UNAVAILABLE: 2 };

/** Seconds after which to ask again, for the header `Retry-After`; null when the error names none. */
export function retryAfterOf(error: AppError): number | null {
  const { retryAfter } = error.details;
  if (typeof retryAfter === "number") return Math.max(1, Math.ceil(retryAfter));
  return AFTER_SECONDS[error.code] ?? null;
}

function errorsOf({ errors, problems, reason, pointer }: JsonObject): readonly JsonObject[] {
  if (Array.isArray(errors)) return (errors as readonly Json[]).filter(isJsonObject);
  if (Array.isArray(problems)) return (problems as unknown as readonly WorkflowProblem[]).map(workflowError);
  if (typeof pointer !== "string" || !pointer.startsWith("#")) return [];
  return [{ detail: String(reason), pointer }];
}

function workflowError({ severity, code, message, suggestion, pointer, place }: WorkflowProblem): JsonObject {
  return {
    detail: message,
    pointer: `#${pointer}`,
    code,
    severity,
    suggestion,
    line: place.line,
    column: place.column,
  };
}

/** Whatever a route threw, as an error of the table. What Fastify refuses before a route is asked is translated. */
export function errorOf(
  thrown: unknown,
  request: {
    readonly contentType: string | undefined;
    readonly contentLength: string | undefined;
    readonly bodyLimit: number;
  },
): AppError {
  if (thrown instanceof AppError) return thrown;
  const { code = "", statusCode = 500, message = String(thrown) } = (thrown ?? {}) as Partial<FastifyError>;
  switch (code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new AppError("UNSUPPORTED_MEDIA_TYPE", {
        type: request.contentType ?? "(none)",
        accepted: "application/json, or a workflow file as application/yaml",
      });
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new AppError("PAYLOAD_TOO_LARGE", {
        what: "The body",
        size: request.contentLength ?? "more",
        limit: request.bodyLimit,
        setting: "WEFT_BODY_LIMIT",
      });
    default:
      if (statusCode >= 400 && statusCode < 500) return new AppError("INVALID_REQUEST", { reason: message });
      return new AppError("INTERNAL", { reason: message }, { cause: thrown });
  }
}
