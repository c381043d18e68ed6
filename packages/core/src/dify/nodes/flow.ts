import { isJsonObject, type Json, type JsonObject } from "../../base/json.ts";
import type { StartField } from "../../workflow/dify-steps.ts";
import { readSelector, readSelectors } from "../graph.ts";
import { flagAt, listAt, mapAt, mapsAt, member, newMap, numberAt, textAt, textOf } from "../read.ts";
import { referencesIn } from "../template.ts";
import { first, select, text } from "../values.ts";
import { headerOutput, webhookSpec } from "../webhook.ts";
import type { Mapped, Mapper, Mapping } from "./mapping.ts";

/** Nodes that begin and end a run, and those that put values together. */

export const start: Mapper = ({ common, data }) => ({
  step: { ...common, kind: "start", fields: mapsAt(data, "variables").map(({ map }) => fieldOf(map)) },
});

function fieldOf(map: JsonObject): StartField {
  const type = textAt(map, "type", "text-input");
  const preset = member(map, "default");
  const schema = member(map, "json_schema");
  const maxLength = numberAt(map, "max_length");
  return {
    name: textAt(map, "variable"),
    type: type === "string" ? "text-input" : type,
    required: flagAt(map, "required"),
    default: type === "number" ? numberAt(map, "default") : preset,
    maxLength: maxLength !== null && maxLength > 0 ? maxLength : null,
    options: listAt(map, "options").map((option) => textOf(option) ?? ""),
    schema: isJsonObject(schema) ? schema : typeof schema === "string" ? parsedSchema(schema) : null,
  };
}

function parsedSchema(source: string): JsonObject | null {
  try {
    const schema: Json = JSON.parse(source) as Json;
    return isJsonObject(schema) ? schema : null;
  } catch {
    return null;
  }
}

/** A webhook's fields arrive by name; header names with underscores. */
export const webhook: Mapper = ({ common, data }) => {
  const { headers, params, body } = webhookSpec(data);
  const fields = [...headers.map((field) => ({ ...field, name: headerOutput(field.name) })), ...params, ...body].map(
    ({ name, type, required }): StartField => ({
      ...EMPTY_FIELD,
      name,
      required,
      type: type === "file" ? "file" : "any",
    }),
  );
  return { step: { ...common, kind: "start", fields: [...fields, { ...EMPTY_FIELD, name: "_webhook_raw" }] } };
};

const EMPTY_FIELD: StartField = {
  name: "",
  type: "any",
  required: false,
  default: null,
  maxLength: null,
  options: [],
  schema: null,
};

export const schedule: Mapper = ({ common }) => ({ step: { ...common, kind: "start", fields: [] } });

export const end: Mapper = ({ common, data, graph }) => {
  const value = newMap();
  for (const { map } of mapsAt(data, "outputs")) {
    const selector = readSelector(graph, member(map, "value_selector"));
    const name = textAt(map, "variable");
    if (name !== "") value[name] = selector === null ? null : select(selector, "null");
  }
  return { step: { ...common, kind: "end", gives: "outputs", value } };
};

export const answer: Mapper = ({ common, data }) => {
  const template = textAt(data, "answer");
  const files = { $files: referencesIn(template) };
  return {
    step: { ...common, kind: "end", gives: "answer", value: { answer: text(template, "name", "markdown"), files } },
  };
};

/** The first of its variables that has a value, or one such value for each group. */
export const aggregator: Mapper = (mapping) => {
  const { common, data } = mapping;
  const settings = mapAt(data, "advanced_settings");
  if (!flagAt(settings, "group_enabled")) return aggregate(mapping, { output: firstAt(mapping, data) });
  const groups = newMap();
  for (const { map } of mapsAt(settings, "groups"))
    groups[textAt(map, "group_name")] = { $some: { output: firstAt(mapping, map) } };
  return { step: { ...common, kind: "aggregate", from: [], mode: "first", value: groups } };
};

function firstAt({ graph }: Mapping, data: JsonObject): JsonObject {
  return first(readSelectors(graph, data, "variables"));
}

function aggregate({ common }: Mapping, value: Json): Mapped {
  return { step: { ...common, kind: "aggregate", from: [], mode: "first", value } };
}

/** Reached, it ends its loop; the loop names it. */
export const loopEnd: Mapper = (mapping) => aggregate(mapping, {});
