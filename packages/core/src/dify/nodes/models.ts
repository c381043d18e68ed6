import { isJsonObject, type Json, type JsonObject } from "../../base/json.ts";
import { readSelector } from "../graph.ts";
import { flagAt, listAt, mapAt, mapsAt, member, newMap, textAt, textOf } from "../read.ts";
import type { Need } from "../report.ts";
import { referencesIn } from "../template.ts";
import { jinja, literal, select, text } from "../values.ts";
import { selectorAt, variablesAt, workStep, type Mapper, type Mapping } from "./mapping.ts";

/** Nodes that ask a model. */

export const llm: Mapper = (mapping) => {
  const { data } = mapping;
  const prompt = member(data, "prompt_template");
  const structured = flagAt(data, "structured_output_enabled") || flagAt(data, "structured_output_switch_on");
  const schema = member(mapAt(data, "structured_output"), "schema");
  const context = mapAt(data, "context");
  const contextAt = readSelector(mapping.graph, member(context, "variable_selector"));
  const { config, needs } = modelOf(mapping, mapAt(data, "model"));
  return {
    step: workStep(mapping, "model_inference", {
      ...config,
      ...(isJsonObject(prompt)
        ? { prompt: promptText(mapping, prompt, "text") }
        : { messages: mapsAt(data, "prompt_template").map(({ map }) => messageOf(mapping, map)) }),
      ...(structured && isJsonObject(schema) ? { schema } : {}),
      ...(flagAt(context, "enabled") && contextAt !== null ? { context: select(contextAt, "fail") } : {}),
      ...asked(mapping),
      reasoning_format: textAt(data, "reasoning_format", "tagged"),
    }),
    needs,
  };
};

/** A message of a chat prompt. Files that its text refers to are given beside it. */
function messageOf(mapping: Mapping, map: JsonObject): JsonObject {
  const source = textAt(map, "text");
  const isBasic = textAt(map, "edition_type") !== "jinja2";
  return {
    role: textAt(map, "role", "user"),
    content: promptText(mapping, map, "text"),
    files: isBasic ? { $files: referencesIn(source) } : [],
  };
}

/** A text with references, all of which must be there, or a Jinja2 text over the prompt's own variables. */
function promptText(mapping: Mapping, map: JsonObject, key: string): Json {
  const { data } = mapping;
  if (textAt(map, "edition_type") !== "jinja2") return text(textAt(map, key), "fail");
  const variables = variablesAt(mapping, mapAt(data, "prompt_config"), "jinja2_variables", "fail");
  return jinja(textOf(member(map, "jinja2_text")) ?? textAt(map, key), variables);
}

/** Which model, and with what settings. */
function modelOf(
  { isChat }: Mapping,
  model: JsonObject,
): { readonly config: JsonObject; readonly needs: readonly Need[] } {
  const name = textAt(model, "name") || textAt(model, "model");
  const provider = textAt(model, "provider");
  const params = newMap();
  for (const [key, value] of Object.entries(mapAt(model, "completion_params")))
    params[key] = typeof value === "string" ? text(value) : literal(value);
  const config = { model: name, provider, mode: textAt(model, "mode", "chat"), params, chat: isChat };
  return { config, needs: [{ what: "model", name: provider === "" ? name : `${provider}/${name}` }] };
}

/** Memory of the conversation, and what the model is shown. */
function asked({ data, graph, isChat }: Mapping): JsonObject {
  const memory = member(data, "memory");
  const vision = mapAt(data, "vision");
  const configs = mapAt(vision, "configs");
  const files = readSelector(graph, member(configs, "variable_selector")) ?? ["sys", "files"];
  return {
    ...(isJsonObject(memory) && isChat ? { memory: memoryOf(memory) } : {}),
    ...(flagAt(vision, "enabled")
      ? { vision: { detail: textAt(configs, "detail", "high"), files: select(files, "null") } }
      : {}),
  };
}

function memoryOf(memory: JsonObject): JsonObject {
  const query = textAt(memory, "query_prompt_template");
  return {
    window: literal(mapAt(memory, "window")),
    role_prefix: literal(mapAt(memory, "role_prefix")),
    query: text(query === "" ? "{{#sys.query#}}" : query, "fail"),
  };
}

export const classifier: Mapper = (mapping) => {
  const { data } = mapping;
  const query = selectorAt(mapping, "query_variable_selector");
  const { config, needs } = modelOf(mapping, mapAt(data, "model"));
  return {
    step: workStep(
      mapping,
      "classify",
      {
        ...config,
        query: query === null ? "" : select(query, "fail"),
        classes: mapsAt(data, "classes").map(({ map, at }) => ({
          id: textAt(map, "id"),
          name: text(textAt(map, "name")),
          label: textAt(map, "label") || `CLASS ${at + 1}`,
        })),
        // Files say `instruction`; many older ones have an empty `instructions` beside it.
        instruction: text(textAt(data, "instruction") || textAt(data, "instructions")),
        ...asked(mapping),
      },
      { handleFrom: "class_id" },
    ),
    needs,
  };
};

export const extractor: Mapper = (mapping) => {
  const { data } = mapping;
  const query = selectorAt(mapping, "query");
  const { config, needs } = modelOf(mapping, mapAt(data, "model"));
  return {
    step: workStep(mapping, "extract", {
      ...config,
      query: query === null ? "" : select(query, "fail"),
      parameters: literal(listAt(data, "parameters")),
      instruction: text(textAt(data, "instruction")),
      reasoning_mode: textAt(data, "reasoning_mode", "function_call"),
      ...asked(mapping),
    }),
    needs,
  };
};

/** Plays a strategy over tools. Parameters are constants, texts with references, or variables. */
export const agent: Mapper = (mapping) => {
  const { data, graph } = mapping;
  const given = mapAt(data, "agent_parameters");
  const parameters = newMap();
  for (const [name, value] of Object.entries(given)) {
    if (!isJsonObject(value)) parameters[name] = typeof value === "string" ? text(value) : literal(value);
    else parameters[name] = parameterOf(value, (selector) => readSelector(graph, selector), "null");
  }
  const model = mapAt(mapAt(given, "model"), "value");
  const { config, needs } = modelOf(mapping, model);
  const tools = listAt(mapAt(given, "tools"), "value").flatMap((tool) =>
    isJsonObject(tool) && flagAt(tool, "enabled", true) ? [toolName(tool)] : [],
  );
  const stored = textAt(data, "agent_node_kind") === "dify_agent";
  return {
    step: workStep(mapping, "agent", {
      ...config,
      strategy: textAt(data, "agent_strategy_name", "function_calling"),
      parameters,
      ...asked(mapping),
    }),
    needs: [
      ...needs.filter(({ name }) => name !== ""),
      ...tools.map((name): Need => ({ what: "tool", name })),
      ...(stored ? [{ what: "agent", name: textAt(data, "title") } as const] : []),
    ],
    ...(stored
      ? { support: "not_supported", about: "The agent is stored in the other system and not in the file." }
      : {}),
  };
};

/** A parameter in the shape `{type: mixed | constant | variable, value}`. */
export function parameterOf(
  parameter: JsonObject,
  selectorOf: (value: Json) => readonly string[] | null,
  missing: "null" | "omit" | "fail",
): Json {
  const value = member(parameter, "value");
  if (textAt(parameter, "type") === "variable") {
    const selector = selectorOf(value);
    return selector === null ? null : select(selector, missing);
  }
  return typeof value === "string" ? text(value) : literal(value);
}

export function toolName(tool: JsonObject): string {
  const provider = textAt(tool, "provider_name") || textAt(tool, "provider_id");
  return [provider, textAt(tool, "tool_name")].filter((part) => part !== "").join("/");
}
