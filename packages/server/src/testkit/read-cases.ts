import { parseTime, readYaml, type Json, type JsonObject, type Plan, type Problem } from "@weftwork/core";
import type { ApprovalAnswer, Case, StepAnswer } from "./case.ts";
import { oneOrMore, readError, readHttpRule, readModelRule } from "./read-answers.ts";
import { readExpectations } from "./read-expectations.ts";
import { at, FieldReader } from "./field-reader.ts";

export interface CaseFile {
  /** File of the workflow, relative to the case file; null: the one of the same name. */
  readonly workflow: string | null;
  readonly cases: readonly Case[];
  /** Everything wrong with the file; with any of them no case runs. */
  readonly problems: readonly Problem[];
}

const CASE_FIELDS = ["name", "inputs", "now", "models", "http", "steps", "signals", "approvals", "cancel", "expect"];
/** Long ago enough to be recognised, so that nothing depends on the day of the test. */
const STARTS_AT = Date.UTC(2026, 0, 1);

/** Reads a file of cases. With the workflow's plan, names of steps are checked against it. */
export function readCases(text: string, plan: Plan | null): CaseFile {
  const document = readYaml(text);
  const { data, problems } = document;
  const reader = new FieldReader(document);
  const root = data === undefined ? null : reader.map(data, "", ["workflow", "cases"]);
  if (root === null) return { workflow: null, cases: [], problems: problems.toArray() };
  const workflow = reader.text(root, "workflow", "");
  const list = reader.list(root, "cases", "");
  if (list.length === 0) reader.problem("missing_field", "There are no cases; list them under cases.", "");
  const names = new Set<string>();
  const cases = list.flatMap((value, index) => {
    const pointer = at("/cases", index);
    const map = reader.map(value, pointer, CASE_FIELDS);
    const read = map && readCase(reader, map, pointer, plan);
    if (!read) return [];
    if (names.has(read.name))
      reader.problem("duplicate_name", `The case ${JSON.stringify(read.name)} is there twice.`, at(pointer, "name"));
    names.add(read.name);
    return [read];
  });
  return { workflow, cases, problems: problems.toArray() };
}

function readCase(reader: FieldReader, map: JsonObject, pointer: string, plan: Plan | null): Case {
  const inputs = map["inputs"] === undefined ? {} : reader.map(map["inputs"], at(pointer, "inputs"), null);
  const now = reader.text(map, "now", pointer);
  const startsAt = now === null ? STARTS_AT : parseTime(now);
  if (startsAt === null)
    reader.problem("wrong_type", `now must be a time such as 2026-01-01T09:00:00Z.`, at(pointer, "now"));
  const members = <T>(name: string, read: (value: Json, at: string) => T | null): T[] =>
    reader.list(map, name, pointer).flatMap((value, index) => read(value, at(at(pointer, name), index)) ?? []);
  return {
    name: reader.text(map, "name", pointer, true) ?? "",
    place: reader.place(pointer),
    inputs: inputs ?? {},
    startsAt: startsAt ?? STARTS_AT,
    models: members("models", (value, where) => readModelRule(reader, value, where)),
    http: members("http", (value, where) => readHttpRule(reader, value, where)),
    steps: readSteps(reader, map["steps"], at(pointer, "steps"), plan),
    signals: members("signals", (value, where) => {
      const one = reader.map(value, where, ["name", "after", "payload"]);
      const name = one && reader.text(one, "name", where, true);
      if (name === null) return null;
      return { name, afterMs: reader.duration(one!, "after", where) ?? 0, payload: one!["payload"] ?? null };
    }),
    approvals: members("approvals", (value, where) => readApproval(reader, value, where)),
    cancel: map["cancel"] === undefined ? null : readCancel(reader, map["cancel"], at(pointer, "cancel")),
    expect: readExpectations(reader, map["expect"], at(pointer, "expect"), plan),
  };
}

function readSteps(reader: FieldReader, value: Json | undefined, pointer: string, plan: Plan | null): Case["steps"] {
  const steps = new Map<string, readonly StepAnswer[]>();
  const map = value === undefined ? null : reader.map(value, pointer, null);
  for (const [name, given] of Object.entries(map ?? {})) {
    const where = at(pointer, name);
    checkReplaceable(reader, name, where, plan);
    const answers = oneOrMore(reader, given, where, (one, place) => readStepAnswer(reader, one, place));
    if (answers.length > 0) steps.set(name, answers);
  }
  return steps;
}

/** Only work has an executor whose place can be taken. Steps of nested workflows are not known here. */
function checkReplaceable(reader: FieldReader, name: string, pointer: string, plan: Plan | null): void {
  if (plan === null) return;
  const id = name.slice(name.lastIndexOf("/") + 1);
  const nodes = plan.bodies.flatMap((body) => body.nodes);
  const node = nodes.find((one) => one.id === id);
  if (node && node.kind !== "work") {
    const message = `The step ${id} is a ${node.type}, a rule of the engine: it has no executor that could be replaced.`;
    reader.problem("not_replaceable", message, pointer, "Replace the steps that lead to it, or those in it.");
  } else if (!node && plan.nested.length === 0) {
    const known = nodes.filter((one) => one.kind === "work").map((one) => one.id);
    reader.unknownName("step", id, pointer, known);
  }
}

function readStepAnswer(reader: FieldReader, value: Json | undefined, pointer: string): StepAnswer | null {
  const map = reader.map(value, pointer, ["output", "error", "delay"]);
  if (!map || !reader.oneOf(map, pointer, ["output", "error"])) return null;
  const delayMs = reader.duration(map, "delay", pointer) ?? 0;
  if (map["output"] !== undefined) return { type: "output", delayMs, output: map["output"] };
  const error = readError(reader, map["error"], at(pointer, "error"));
  return error && { type: "error", delayMs, error };
}

function readApproval(reader: FieldReader, value: Json, pointer: string): ApprovalAnswer | null {
  const map = reader.map(value, pointer, ["step", "scope", "after", "approved", "by", "form"]);
  const step = map && reader.text(map, "step", pointer, true);
  if (!map || step === null) return null;
  return {
    step,
    scope: reader.text(map, "scope", pointer) ?? "root",
    afterMs: reader.duration(map, "after", pointer),
    approved: reader.boolean(map, "approved", pointer) ?? true,
    by: reader.text(map, "by", pointer),
    form: map["form"] ?? null,
  };
}

function readCancel(reader: FieldReader, value: Json, pointer: string): Case["cancel"] {
  const map = reader.map(value, pointer, ["after", "reason"]);
  if (!map) return null;
  if (map["after"] === undefined)
    reader.problem("missing_field", "The field after is missing; give a duration from the start of the run.", pointer);
  return { afterMs: reader.duration(map, "after", pointer) ?? 0, reason: reader.text(map, "reason", pointer) };
}
