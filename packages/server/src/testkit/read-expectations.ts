import type { Json, JsonObject, Plan } from "@weftwork/core";
import { CASE_STATUSES, type CaseStatus, type Expectations, type Pattern } from "./case.ts";
import { at, type FieldReader } from "./field-reader.ts";
import { readPrompts } from "./read-prompts.ts";

const FIELDS = [
  "status",
  "outputs",
  "outputs_exact",
  "error",
  "path",
  "skipped",
  "steps",
  "calls",
  "prompts",
  "text",
  "within",
];
/** Names that `calls` counts over all steps. */
const CALL_KINDS: ReadonlySet<string> = new Set(["model", "http"]);

/** What a case expects. Left out altogether: that the run succeeds. */
export function readExpectations(
  reader: FieldReader,
  value: Json | undefined,
  pointer: string,
  plan: Plan | null,
): Expectations {
  const map = (value === undefined ? {} : reader.map(value, pointer, FIELDS)) ?? {};
  const root = plan?.bodies[0]!.nodes.map((node) => node.id) ?? null;
  const every = plan?.bodies.flatMap((body) => body.nodes.map((node) => node.id)) ?? null;
  const isNested = plan !== null && plan.nested.length > 0;
  const known = (id: string, where: string, ids: readonly string[] | null): void => {
    if (ids !== null && !ids.includes(id)) reader.unknownName("step", id, where, ids);
  };
  const error =
    map["error"] === undefined ? null : reader.map(map["error"], at(pointer, "error"), ["code", "message", "step"]);
  const mapOf = (name: string): JsonObject | null =>
    map[name] === undefined ? null : reader.map(map[name], at(pointer, name), null);

  const ids = (list: JsonObject, name: string, where: string): string[] =>
    reader.list(list, name, where).flatMap((one, index) => {
      const place = at(at(where, name), index);
      if (typeof one !== "string") reader.problem("wrong_type", "Here stands the id of a step.", place);
      else known(one, place, root);
      return typeof one === "string" ? [one] : [];
    });

  const readPath = (): Expectations["path"] => {
    if (map["path"] === undefined) return null;
    if (Array.isArray(map["path"])) return { ids: ids(map, "path", pointer), isOrdered: true };
    const path = reader.map(map["path"], at(pointer, "path"), ["any_order"]);
    return path && { ids: ids(path, "any_order", at(pointer, "path")), isOrdered: false };
  };

  const readCalls = (): Map<string, number> => {
    const calls = new Map<string, number>();
    const given = mapOf("calls") ?? {};
    for (const name of Object.keys(given)) {
      if (!CALL_KINDS.has(name) && !isNested) known(name, at(at(pointer, "calls"), name), every);
      const count = reader.number(given, name, at(pointer, "calls"), 0);
      if (count !== null) calls.set(name, count);
    }
    return calls;
  };

  const readAllPrompts = (): Expectations["prompts"] => {
    const given = mapOf("prompts") ?? {};
    for (const id of isNested ? [] : Object.keys(given)) known(id, at(at(pointer, "prompts"), id), every);
    return readPrompts(reader, given, at(pointer, "prompts"));
  };

  const readTexts = (): Map<string, Pattern> => {
    const texts = new Map<string, Pattern>();
    const given = mapOf("text") ?? {};
    for (const name of Object.keys(given)) {
      const pattern = reader.pattern(given, name, at(pointer, "text"));
      if (pattern) texts.set(name, pattern);
    }
    return texts;
  };

  const readSteps = (): Map<string, JsonObject> => {
    const steps = new Map<string, JsonObject>();
    for (const [id, one] of Object.entries(mapOf("steps") ?? {})) {
      const where = at(at(pointer, "steps"), id);
      known(id, where, root);
      const step = reader.map(one, where, ["status", "output", "error", "attempt", "handle"]);
      if (step) steps.set(id, step);
    }
    return steps;
  };

  return {
    status: readStatus(reader, map, pointer) ?? (error === null ? "succeeded" : "failed"),
    outputs: mapOf("outputs"),
    outputsExact: mapOf("outputs_exact"),
    error: {
      code: error && reader.text(error, "code", at(pointer, "error")),
      message: error && reader.pattern(error, "message", at(pointer, "error")),
      step: error && reader.text(error, "step", at(pointer, "error")),
    },
    path: readPath(),
    skipped: ids(map, "skipped", pointer),
    steps: readSteps(),
    calls: readCalls(),
    prompts: readAllPrompts(),
    texts: readTexts(),
    withinMs: reader.duration(map, "within", pointer),
  };
}

function readStatus(reader: FieldReader, map: JsonObject, pointer: string): CaseStatus | null {
  const text = reader.text(map, "status", pointer);
  const found = CASE_STATUSES.find((status) => status === text) ?? null;
  if (text !== null && found === null) reader.unknownName("status", text, at(pointer, "status"), CASE_STATUSES);
  return found;
}
