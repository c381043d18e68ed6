import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { DifyFlow, DifyVariable, StartField } from "../workflow/dify-steps.ts";
import type { Locator, ProblemList } from "../workflow/problems.ts";
import type { Step, Workflow } from "../workflow/workflow.ts";
import type { DifyFile } from "./file.ts";
import { readGraph } from "./graph.ts";
import type { ImportOptions } from "./options.ts";
import { mapAt, mapsAt, member, newMap, numberAt, textAt } from "./read.ts";
import type { ImportReport, Need } from "./report.ts";
import { formOf } from "./roots.ts";
import { GraphSteps } from "./steps.ts";

/** A file as a workflow with its report. The workflow is worth something only when no problem is an error. */
export function workflowOf(
  file: DifyFile,
  options: ImportOptions,
  problems: ProblemList,
  locator: Locator,
): { readonly workflow: Workflow; readonly report: ImportReport } {
  const { env, secrets, needs } = environmentOf(file.workflow, options.env ?? {});
  const dify: DifyFlow = {
    mode: file.mode === "advanced-chat" ? "advanced-chat" : "workflow",
    version: file.version,
    conversation: conversationOf(file.workflow),
    secrets,
    features: mapAt(file.workflow, "features"),
  };
  const graph = readGraph(file.graph, file.graphPointer);
  const steps = new GraphSteps({ graph, dify, options, problems, locator });
  const workflow: Workflow = {
    name: options.name ?? plainName(file.name),
    version: null,
    description: file.description === "" ? null : file.description,
    inputs: inputSchema(steps.all),
    outputs: null,
    steps: steps.all,
    timeoutMs: options.limits === "dify" ? RUN_MS_MAX : null,
    concurrency: null,
    priority: "normal",
    retention: null,
    env,
    dify,
  };
  const { name, mode, version } = file;
  return {
    workflow,
    report: { name, mode, version, nodes: steps.reports(), needs, plugins: pluginsOf(file.document) },
  };
}

/** Longest time of a run in Dify. */
const RUN_MS_MAX = 1_200_000;

/** A name that workflows can have; letters of other scripts are left out of it. */
function plainName(name: string): string {
  const plain = name
    .slice(0, 200)
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "-")
    .replaceAll(/^[-_.]+|[-_.]+$/g, "")
    .slice(0, 100);
  return plain === "" ? "dify-app" : plain;
}

function environmentOf(
  workflow: JsonObject,
  given: Readonly<Record<string, Json>>,
): { readonly env: JsonObject; readonly secrets: readonly string[]; readonly needs: readonly Need[] } {
  const env = newMap();
  const secrets: string[] = [];
  const needs: Need[] = [];
  for (const { map } of mapsAt(workflow, "environment_variables")) {
    const name = textAt(map, "name");
    const type = textAt(map, "value_type", "string");
    const value = Object.hasOwn(given, name) ? given[name]! : typed(type, member(map, "value"));
    env[name] = value;
    if (type !== "secret") continue;
    secrets.push(name);
    if (value === "" || value === null) needs.push({ what: "secret", name });
  }
  return { env, secrets, needs };
}

function conversationOf(workflow: JsonObject): Readonly<Record<string, DifyVariable>> {
  const variables = Object.create(null) as Record<string, DifyVariable>;
  for (const { map } of mapsAt(workflow, "conversation_variables")) {
    const type = textAt(map, "value_type", "string");
    variables[textAt(map, "name")] = { type, value: typed(type, member(map, "value")) };
  }
  return variables;
}

function typed(type: string, value: Json): Json {
  return type === "number" && typeof value === "string" ? numberAt({ value }, "value") : value;
}

/** What the form takes, as a JSON Schema that refuses nothing the form would take. Other fields may be there. */
function inputSchema(steps: readonly Step[]): JsonObject | null {
  const fields = formOf(steps);
  if (fields.length === 0) return null;
  const properties = newMap();
  for (const field of fields) properties[field.name] = fieldSchema(field);
  const required = fields.flatMap(({ name, required: needed }) => (needed ? [name] : []));
  return { type: "object", properties, required };
}

const FIELD_TYPES: Readonly<Record<string, readonly string[]>> = {
  "text-input": ["string"],
  paragraph: ["string"],
  select: ["string"],
  number: ["number", "string"],
  file: ["object"],
  "file-list": ["array"],
  json_object: ["object"],
};

function fieldSchema({ type, required, options }: StartField): JsonObject {
  if (!Object.hasOwn(FIELD_TYPES, type)) return {};
  const types = FIELD_TYPES[type]!;
  // A file that was not chosen may come as an empty text.
  const optional = type === "file" || type === "file-list" ? ["null", "string"] : ["null"];
  if (type === "select") return { enum: required ? options : [...options, null] };
  return { type: required ? types : [...new Set([...types, ...optional])] };
}

function pluginsOf(document: JsonObject): readonly string[] {
  return mapsAt(document, "dependencies").flatMap(({ map }) => {
    const value = member(map, "value");
    if (!isJsonObject(value)) return [];
    const name =
      textAt(value, "marketplace_plugin_unique_identifier") ||
      textAt(value, "github_plugin_unique_identifier") ||
      textAt(value, "plugin_unique_identifier") ||
      textAt(value, "repo");
    return name === "" ? [] : [name];
  });
}
