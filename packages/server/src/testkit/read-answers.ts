import { isErrorCode, parseDuration, type Json } from "@weftwork/core";
import type { ErrorSource, HttpAnswer, HttpRule, ModelAnswer, ModelRule, ToolCallSource } from "./case.ts";
import { at, type FieldReader } from "./field-reader.ts";

/** What a model says to the calls that fit a rule. */
export function readModelRule(reader: FieldReader, value: Json, pointer: string): ModelRule | null {
  const map = reader.map(value, pointer, ["model", "when", "nth", "answer"]);
  if (!map) return null;
  const rule = {
    model: reader.text(map, "model", pointer),
    when: reader.pattern(map, "when", pointer),
    nth: reader.number(map, "nth", pointer, 1),
  };
  const answers = oneOrMore(reader, map["answer"], at(pointer, "answer"), (one, where) =>
    readModelAnswer(reader, one, where),
  );
  return answers.length === 0 ? null : { ...rule, answers };
}

const MODEL_ANSWER_FIELDS = ["text", "json", "tool_calls", "error", "delay", "pace", "cut"];

function readModelAnswer(reader: FieldReader, value: Json | undefined, where: string): ModelAnswer | null {
  const map = reader.map(value, where, MODEL_ANSWER_FIELDS);
  if (!map) return null;
  // Tools may be asked for beside a text.
  const kinds = map["text"] === undefined ? ["text", "json", "tool_calls", "error"] : ["text", "json", "error"];
  if (!reader.oneOf(map, where, kinds)) return null;
  const head = {
    delayMs: reader.duration(map, "delay", where) ?? 0,
    paceMs: reader.duration(map, "pace", where) ?? 0,
    isCut: reader.boolean(map, "cut", where) ?? false,
  };
  if (map["error"] !== undefined) {
    const error = readError(reader, map["error"], at(where, "error"));
    const wait = error?.retry_after;
    return error && { ...head, says: { type: "error", error, retryAfterMs: wait ? parseDuration(wait) : null } };
  }
  if (map["json"] !== undefined) return { ...head, says: { type: "json", json: map["json"] } };
  const toolCalls = reader
    .list(map, "tool_calls", where)
    .flatMap((one, index) => readToolCall(reader, one, at(at(where, "tool_calls"), index)) ?? []);
  const text = map["text"] === undefined ? "" : reader.text(map, "text", where);
  return text === null ? null : { ...head, says: { type: "text", text, toolCalls } };
}

function readToolCall(reader: FieldReader, value: Json, where: string): ToolCallSource | null {
  const map = reader.map(value, where, ["name", "arguments"]);
  const name = map && reader.text(map, "name", where, true);
  return name === null ? null : { name, arguments: map!["arguments"] ?? {} };
}

/** What an endpoint says to the requests that fit a rule. */
export function readHttpRule(reader: FieldReader, value: Json, pointer: string): HttpRule | null {
  const map = reader.map(value, pointer, ["method", "url", "body", "nth", "answer"]);
  if (!map) return null;
  const url = reader.text(map, "url", pointer, true);
  const pattern = url?.startsWith("/") ? reader.pattern(map, "url", pointer) : null;
  if (url !== null && pattern === null && !URL.canParse(url)) {
    reader.problem("invalid_url", `${JSON.stringify(url)} is neither a URL nor a pattern /…/.`, at(pointer, "url"));
  }
  const answers = oneOrMore(reader, map["answer"] ?? {}, at(pointer, "answer"), (one, where) =>
    readHttpAnswer(reader, one, where),
  );
  const rule = {
    method: reader.text(map, "method", pointer)?.toUpperCase() ?? null,
    requestBody: reader.pattern(map, "body", pointer),
    nth: reader.number(map, "nth", pointer, 1),
  };
  return url === null || answers.length === 0 ? null : { ...rule, url, pattern, answers };
}

function readHttpAnswer(reader: FieldReader, value: Json | undefined, where: string): HttpAnswer | null {
  const map = reader.map(value, where, ["status", "headers", "text", "json", "error", "delay"]);
  if (!map) return null;
  if (["text", "json", "error"].filter((name) => map[name] !== undefined).length > 1)
    reader.oneOf(map, where, ["text", "json", "error"]);
  const headers = map["headers"] === undefined ? {} : (reader.map(map["headers"], at(where, "headers"), null) ?? {});
  return {
    delayMs: reader.duration(map, "delay", where) ?? 0,
    error: reader.text(map, "error", where),
    status: reader.number(map, "status", where, 100) ?? 200,
    headers: Object.fromEntries(Object.entries(headers).map(([name, one]) => [name.toLowerCase(), String(one)])),
    body: map["json"] ?? reader.text(map, "text", where),
  };
}

export function readError(reader: FieldReader, value: Json | undefined, pointer: string): ErrorSource | null {
  const map = reader.map(value, pointer, ["status", "code", "message", "retryable", "retry_after"]);
  if (!map) return null;
  const [status, code, message] = [
    reader.number(map, "status", pointer, 400),
    reader.text(map, "code", pointer),
    reader.text(map, "message", pointer),
  ];
  const retryable = reader.boolean(map, "retryable", pointer);
  const hasWait = reader.duration(map, "retry_after", pointer) !== null;
  if (code !== null && /^[A-Z_]+$/.test(code) && !isErrorCode(code) && message === null) {
    const problem = `${code} is no code of the error table; a code of your own needs a message.`;
    reader.problem("unknown_code", problem, at(pointer, "code"));
  }
  return {
    ...(status === null ? {} : { status }),
    ...(code === null ? {} : { code }),
    ...(message === null ? {} : { message }),
    ...(retryable === null ? {} : { retryable }),
    ...(hasWait ? { retry_after: String(map["retry_after"]) } : {}),
  };
}

/** What may be one or a list of them. */
export function oneOrMore<T>(
  reader: FieldReader,
  value: Json | undefined,
  pointer: string,
  read: (value: Json | undefined, pointer: string) => T | null,
): readonly T[] {
  if (!isList(value)) return [read(value, pointer)].filter((one) => one !== null);
  if (value.length === 0) reader.problem("missing_field", "The list is empty; give one answer at least.", pointer);
  return value.flatMap((one, index) => read(one, at(pointer, index)) ?? []);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The answer of this number, from 1; the last one answers all others. */
export function answerOf<T>(answers: readonly T[], number: number): T {
  return answers[Math.min(number, answers.length) - 1]!;
}
