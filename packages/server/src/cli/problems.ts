import {
  ERRORS,
  fillMessage,
  isErrorCode,
  isJsonObject,
  type AppError,
  type Failure,
  type Json,
  type JsonObject,
  type Problem,
} from "@weftwork/core";
import type { WeftError, WorkflowFinding } from "@weftwork/sdk";
import { language, say, sayCount } from "./language.ts";
import { style } from "./terminal.ts";
import { MESSAGES_ZH } from "../http/problems-zh.ts";
import type { WorkflowFile } from "./workflow-file.ts";

/** A problem as editors and terminals know it, `file:line:column`, with the remedy in a line of its own. */
export function problemLines(path: string, problem: Problem): string {
  const { severity, code, message, suggestion, place } = problem;
  const kind = severity === "error" ? style("red", say("problem.error")) : style("yellow", say("problem.warning"));
  const line = `${path}:${place.line}:${place.column}: ${kind} ${code}: ${message}`;
  return suggestion === null ? line : `${line}\n    ${style("dim", say("problem.remedy"))} ${suggestion}`;
}

/** The same for what a server found. */
export function findingLines(path: string, { line, column, ...problem }: WorkflowFinding): string {
  return problemLines(path, { ...problem, place: { line, column } });
}

/** What `weft validate` says of a file. */
export function fileReport({ path, problems, plan, unavailable }: WorkflowFile): string {
  const lines = problems.map((problem) => problemLines(path, problem));
  const errors = problems.filter((problem) => problem.severity === "error").length;
  if (plan === null) return [...lines, sayCount("validate.problems", errors, { path })].join("\n");
  const steps = plan.bodies.reduce((sum, body) => sum + body.nodes.length, 0);
  const valid = style("green", say("validate.valid"));
  lines.push(sayCount("validate.steps", steps, { path, valid, name: plan.name }));
  if (unavailable.length === 0) lines.push(`  ${say("validate.all_run")}`);
  else lines.push(`  ${sayCount("validate.cannot_run", unavailable.length)}`);
  for (const { step, type, reason } of unavailable) lines.push(`    ${say("validate.step", { step, type, reason })}`);
  return lines.join("\n");
}

/** The same for programs. */
export function fileJson({ path, problems, plan, unavailable }: WorkflowFile): object {
  return {
    file: path,
    valid: plan !== null,
    workflow: plan?.name ?? null,
    problems: problems.map(({ place, ...problem }) => ({ ...problem, line: place.line, column: place.column })),
    unavailable,
  };
}

/** An error of the table for a person: the sentence, and all that its details list. */
export function errorLines(error: AppError): string {
  const lines = [`weft: ${messageOf(error)}`];
  const { mistakes, errors } = error.details;
  for (const item of list(mistakes)) {
    if (isJsonObject(item)) lines.push(`  ${whereOf(item)} ${String(item["message"])}`);
  }
  for (const item of list(errors)) {
    if (isJsonObject(item)) lines.push(`  ${String(item["pointer"])}: ${String(item["detail"])}`);
  }
  return lines.join("\n");
}

/** The variable, the place in a file, or the pointer that a mistake of the configuration names. */
export function whereOf({ variable, file, line, column, pointer }: JsonObject): string {
  if (typeof variable === "string") return variable;
  return typeof file === "string" ? `${file}:${String(line)}:${String(column)}:` : String(pointer);
}

/**
 * An error of the table in the chosen language. One that is recorded with a run may have words of its own behind a code
 * of the table, and codes of its own: these stay as they are written.
 */
export function messageOf({ code, message, details = {} }: Pick<Failure, "code" | "message" | "details">): string {
  if (language() === "en" || !isErrorCode(code)) return message;
  if (fillMessage(ERRORS[code].message, details) !== message) return message;
  return fillMessage(MESSAGES_ZH[code], details);
}

/** The same for an answer of a server. */
export function remoteErrorLines(error: WeftError): string {
  const errors = error.problem.errors ?? [];
  return [`weft: ${error.message}`, ...errors.map((item) => `  ${placeOf(item)}: ${String(item["detail"])}`)].join(
    "\n",
  );
}

function placeOf({ line, column, pointer }: JsonObject): string {
  return line === undefined ? String(pointer) : say("problem.place", { line: String(line), column: String(column) });
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}
