import { AppError, PRIORITIES, type JsonObject } from "@weftwork/core";
import type { RunSubmission } from "@weftwork/sdk";
import { checkMembers, object, text, time, type MemberCheck, type MemberRule } from "../members.ts";

/** Ids stand in paths, logs and tickets, so they are plain. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}$/;

export const id: MemberCheck = (value) =>
  typeof value === "string" && ID.test(value)
    ? null
    : "must have 1 to 128 of the characters A-Z a-z 0-9 . _ : ~ -, and begin with a letter or a digit";

export const priority: MemberCheck = (value) =>
  PRIORITIES.some((known) => known === value) ? null : `must be one of ${PRIORITIES.join(", ")}`;

/** The members of `POST /api/runs`. Inputs are checked where the workflow's schema is known. */
const SUBMISSION: Readonly<Record<string, MemberRule>> = {
  workflow: { check: text(200), required: true },
  version: { check: text(200) },
  id: { check: id },
  inputs: { check: object },
  root: { check: text(200) },
  priority: { check: priority },
  metadata: { check: object },
  run_at: { check: time },
  callback_url: { check: text(2000) },
};

export function readSubmission(body: JsonObject): RunSubmission {
  checkMembers(body, SUBMISSION);
  return body as unknown as RunSubmission;
}

/** The key of `Idempotency-Key`: a quoted string as the draft has it, or the bare token that most clients send. */
export function readIdempotencyKey(header: string | readonly string[] | undefined): string | null {
  if (header === undefined) return null;
  const quoted = typeof header === "string" ? /^"((?:[^"\\]|\\.)*)"$/.exec(header.trim()) : null;
  const key = quoted ? quoted[1]!.replaceAll(/\\(.)/g, "$1") : String(header).trim();
  if (typeof header === "string" && /^[\x21-\x7e][\x20-\x7e]{0,254}$/.test(key)) return key;
  throw new AppError("INVALID_REQUEST", {
    reason: "Idempotency-Key must be one text of 1 to 255 printable characters",
  });
}
