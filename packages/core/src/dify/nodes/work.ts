import { isJsonObject, type Json, type JsonObject } from "../../base/json.ts";
import { readSelector } from "../graph.ts";
import { ADDED_LIBRARIES, importedLibraries, NETWORK_LIBRARIES } from "../python-imports.ts";
import { flagAt, listAt, mapAt, mapsAt, member, newMap, numberAt, textAt, textOf } from "../read.ts";
import type { Need } from "../report.ts";
import { jinja, literal, select, text } from "../values.ts";
import { parameterOf, toolName } from "./models.ts";
import { fileConditionOf } from "./branch.ts";
import { selectorAt, variablesAt, workStep, type Mapper, type Mapping } from "./mapping.ts";

/** Nodes of plain work: code, texts, requests, tools, lists, documents, retrieval. */

const ADDED = "Its code imports libraries that an operator adds to the sandbox, or that an image brings.";

function noNetwork(library: string): string {
  return `Its code imports ${library}, and there is no network in the sandbox: fetch with an http-request node.`;
}

export const code: Mapper = (mapping) => {
  const { data } = mapping;
  const isPython = textAt(data, "code_language", "python3") !== "javascript";
  const libraries = isPython ? importedLibraries(textAt(data, "code")) : [];
  const network = libraries.find((name) => NETWORK_LIBRARIES.has(name));
  const added = libraries.filter((name) => ADDED_LIBRARIES.has(name));
  return {
    ...(network === undefined ? {} : { support: "not_supported", about: noNetwork(network) }),
    ...(network !== undefined || added.length === 0
      ? {}
      : { support: "needs_configuration", about: ADDED, needs: added.map((name) => ({ what: "package", name })) }),
    step: workStep(mapping, isPython ? "python_script" : "javascript", {
      code: textAt(data, "code"),
      inputs: variablesAt(mapping, data, "variables"),
      outputs: literal(member(data, "outputs")),
    }),
  };
};

export const template: Mapper = (mapping) => {
  const { data } = mapping;
  const value = jinja(textAt(data, "template"), variablesAt(mapping, data, "variables"));
  return { step: workStep(mapping, "template", { template: value }, { resultAs: "output" }) };
};

/** Headers stay one text that is cut into lines when it is resolved; parameters are cut before. */
export const http: Mapper = (mapping) => {
  const { data, graph } = mapping;
  const authorization = mapAt(data, "authorization");
  const auth = mapAt(authorization, "config");
  const timeout = mapAt(data, "timeout");
  const retries = flagAt(mapAt(data, "retry_config"), "retry_enabled");
  const body = mapAt(data, "body");
  const bodyData = member(body, "data");
  const parts = Array.isArray(bodyData)
    ? mapsAt(body, "data").map(({ map }) => {
        const file = readSelector(graph, member(map, "file"));
        const kind = textAt(map, "type", "text");
        return {
          key: text(textAt(map, "key")),
          type: kind,
          value: text(textAt(map, "value")),
          file: file === null ? null : select(file, "null"),
        };
      })
    : typeof bodyData === "string" && bodyData !== ""
      ? [{ key: "", type: "text", value: text(bodyData), file: null }]
      : [];
  const seconds =
    (numberAt(timeout, "connect") || 10) + (numberAt(timeout, "read") || 600) + (numberAt(timeout, "write") || 600);
  return {
    step: workStep(withTimeout(mapping, seconds * 1000), "http", {
      method: textAt(data, "method", "get").toLowerCase(),
      url: text(textAt(data, "url")),
      headers: text(textAt(data, "headers")),
      params: pairsOf(textAt(data, "params")).map(([key, value]) => [text(key), text(value)]),
      authorization: {
        type: textAt(authorization, "type", "no-auth"),
        config: {
          type: textAt(auth, "type", "bearer"),
          api_key: text(textAt(auth, "api_key")),
          header: textAt(auth, "header"),
        },
      },
      body: { type: textAt(body, "type", "none"), data: parts },
      timeout: {
        connect: numberAt(timeout, "connect"),
        read: numberAt(timeout, "read"),
        write: numberAt(timeout, "write"),
      },
      ssl_verify: flagAt(data, "ssl_verify", true),
      fail_on_status: retries || textAt(data, "error_strategy") !== "",
    }),
  };
};

/** The same node with a time for the whole of its work, in milliseconds. */
function withTimeout(mapping: Mapping, timeoutMs: number): Mapping {
  return { ...mapping, common: { ...mapping.common, timeoutMs: Math.ceil(timeoutMs) } };
}

/** Lines of `key:value`, cut at the first colon; a line without one is a key with nothing behind it. */
export function pairsOf(block: string): readonly (readonly [string, string])[] {
  return block.split("\n").flatMap((line) => {
    if (line.trim() === "") return [];
    const colon = line.indexOf(":");
    return [colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] as const;
  });
}

export const tool: Mapper = (mapping) => {
  const { data, graph } = mapping;
  const selectorOf = (value: Json): readonly string[] | null => readSelector(graph, value);
  const required = requiredParameters(data);
  const values = (given: JsonObject): JsonObject => {
    const read = newMap();
    for (const [name, value] of Object.entries(given)) {
      if (value === null) continue;
      const shaped = isJsonObject(value) && "type" in value && "value" in value;
      if (shaped && value["value"] === null) continue;
      if (shaped) read[name] = parameterOf(value, selectorOf, required.has(name) ? "fail" : "omit");
      else read[name] = typeof value === "string" ? text(value) : literal(value);
    }
    return read;
  };
  const kind = textAt(data, "provider_type", "builtin");
  return {
    step: workStep(mapping, "tool", {
      provider_type: kind,
      provider: textAt(data, "provider_id") || textAt(data, "provider_name"),
      provider_name: textAt(data, "provider_name"),
      tool: textAt(data, "tool_name"),
      settings: values(mapAt(data, "tool_configurations")),
      parameters: values(mapAt(data, "tool_parameters")),
    }),
    needs: [{ what: kind === "workflow" ? "workflow" : "tool", name: toolName(data) } satisfies Need],
  };
};

function requiredParameters(data: JsonObject): ReadonlySet<string> {
  const schemas = mapsAt(data, "paramSchemas");
  return new Set(schemas.flatMap(({ map }) => (flagAt(map, "required") ? [textAt(map, "name")] : [])));
}

export const list: Mapper = (mapping) => {
  const { data } = mapping;
  const selector = selectorAt(mapping, "variable");
  const part = (key: string): JsonObject => mapAt(data, key);
  return {
    step: workStep(mapping, "list", {
      items: selector === null ? null : select(selector, "fail"),
      filter_by: {
        enabled: flagAt(part("filter_by"), "enabled"),
        conditions: mapsAt(part("filter_by"), "conditions").map(({ map }) => {
          const { key, operator, value } = fileConditionOf(map);
          return { key, operator, value: typeof value === "string" ? text(value) : literal(value) };
        }),
      },
      extract_by: {
        enabled: flagAt(part("extract_by"), "enabled"),
        serial: text(textOf(member(part("extract_by"), "serial")) ?? ""),
      },
      order_by: {
        enabled: flagAt(part("order_by"), "enabled"),
        key: textAt(part("order_by"), "key"),
        value: textAt(part("order_by"), "value", "asc"),
      },
      slice: { enabled: flagAt(part("limit"), "enabled"), size: numberAt(part("limit"), "size") ?? -1 },
    }),
  };
};

export const document: Mapper = (mapping) => {
  const selector = selectorAt(mapping, "variable_selector");
  return {
    step: workStep(
      mapping,
      "document",
      {
        file: selector === null ? null : select(selector, "fail"),
        is_array_file: flagAt(mapping.data, "is_array_file"),
      },
      { resultAs: "text" },
    ),
  };
};

/** Settings stay as written: the executor reads them under the names of the file. */
export const retrieval: Mapper = (mapping) => {
  const { data, graph } = mapping;
  const query = selectorAt(mapping, "query_variable_selector", false);
  const images = readSelector(graph, member(data, "query_attachment_selector"));
  const ids = listAt(data, "dataset_ids").flatMap((id) => textOf(id) ?? []);
  const filters = mapAt(data, "metadata_filtering_conditions");
  return {
    step: workStep(mapping, "retrieval", {
      query: query === null ? "" : select(query, "fail"),
      ...(images === null ? {} : { attachments: select(images, "null") }),
      datasets: ids,
      retrieval_mode: textAt(data, "retrieval_mode", "multiple"),
      multiple_retrieval_config: literal(mapAt(data, "multiple_retrieval_config")),
      single_retrieval_config: literal(mapAt(data, "single_retrieval_config")),
      metadata_filtering_mode: textAt(data, "metadata_filtering_mode", "disabled"),
      metadata_filtering_conditions: {
        logical_operator: textAt(filters, "logical_operator", "and"),
        conditions: mapsAt(filters, "conditions").map(({ map }) => {
          const value = member(map, "value");
          return {
            name: textAt(map, "name"),
            comparison_operator: textAt(map, "comparison_operator"),
            value: typeof value === "string" ? text(value) : literal(value),
          };
        }),
      },
      metadata_model_config: literal(mapAt(data, "metadata_model_config")),
    }),
    needs: ids.map((name): Need => ({ what: "dataset", name })),
  };
};
