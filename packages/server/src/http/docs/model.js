/**
 * What the page shows of an OpenAPI document. Pure: an object in, plain values out; nothing of the browser is used, so
 * the tests of the server run it too.
 */

const METHODS = ["get", "post", "put", "patch", "delete"];
/** Members of members in an example; deeper ones are left out. */
const EXAMPLE_DEPTH = 4;

/** The operations by tag, in the order of the document's tags. */
export function operationsByTag(api) {
  const tags = new Map((api.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(api.paths ?? {})) {
    for (const method of METHODS.filter((one) => Object.hasOwn(methods, one))) {
      const operation = methods[method];
      const tag = operation.tags?.[0] ?? "other";
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push({ ...operation, method, path });
    }
  }
  return [...tags].filter(([, operations]) => operations.length > 0);
}

/** A schema in a few words, as pieces: `{ text }`, with `schema` where the text is the name of one. */
export function typePieces(schema) {
  if (schema === undefined || schema === true) return [{ text: "any value" }];
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.split("/").at(-1);
    return [{ text: name, schema: name }];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return joined(choices.map(typePieces), " or ");
  if (schema.enum) return [{ text: schema.enum.map((value) => JSON.stringify(value)).join(" | ") }];
  if (schema.const !== undefined) return [{ text: JSON.stringify(schema.const) }];
  if (schema.items) return [{ text: "list of " }, ...typePieces(schema.items)];
  const values = schema.additionalProperties;
  if (values && values !== true && !schema.properties) return [{ text: "map of " }, ...typePieces(values)];
  const type = [schema.type ?? (schema.properties ? "object" : "any value")].flat().join(" or ");
  return [{ text: schema.format ? `${type} (${schema.format})` : type + rangeText(schema) }];
}

function rangeText({ minimum, maximum, default: given }) {
  const range = minimum === undefined || maximum === undefined ? "" : `, ${minimum} to ${maximum}`;
  return given === undefined ? range : `${range}, default ${JSON.stringify(given)}`;
}

function joined(lists, between) {
  return lists.flatMap((pieces, index) => (index === 0 ? pieces : [{ text: between }, ...pieces]));
}

/** The members of an object's schema: `{ name, pieces, isNeeded, about }`. None for anything else. */
export function membersOf(schema) {
  const needed = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => ({
    name,
    pieces: typePieces(one),
    isNeeded: needed.has(name),
    about: one.description ?? "",
  }));
}

/** A value that fits a schema: needed members only, as short as can be. */
export function exampleOf(schema, api, depth = 0) {
  if (schema === undefined || schema === true || depth > EXAMPLE_DEPTH) return {};
  if (typeof schema.$ref === "string") return exampleOf(named(schema.$ref, api), api, depth + 1);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return exampleOf(choices[0], api, depth + 1);
  switch ([schema.type].flat()[0]) {
    case "string":
      return schema.format === "date-time" ? "2026-01-01T00:00:00Z" : "text";
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "array":
      return [];
    default: {
      const needed = (schema.required ?? []).map((name) => [name, schema.properties?.[name]]);
      return Object.fromEntries(needed.map(([name, one]) => [name, exampleOf(one, api, depth + 1)]));
    }
  }
}

function named(reference, api) {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce((at, name) => at?.[name], api);
}

/** A command that makes the call. Parts of the path in capitals are the reader's to fill in. */
export function curlOf(operation, api, origin) {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name) => name.toUpperCase());
  if (operation.responses?.["101"]) return `websocat ${quoted(origin.replace(/^http/, "ws") + path)}`;
  const streams = Object.values(operation.responses ?? {}).some((answer) => answer.content?.["text/event-stream"]);
  const words = ["curl", streams ? "-sN" : "-s"];
  if (operation.method !== "get") words.push(`-X${operation.method.toUpperCase()}`);
  words.push(quoted(origin + path));
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type === undefined) return words.join(" ");
  if (type.startsWith("multipart/")) return [...words, "-F", "file=@FILE"].join(" ");
  words.push("-H", quoted(`content-type: ${type}`));
  if (/json/.test(type)) words.push("-d", quoted(JSON.stringify(exampleOf(content.schema, api))));
  else words.push("--data-binary", "@FILE");
  return words.join(" ");
}

/** A word for a shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Whether an operation has a text in its path, its words or its parameters. */
export function isFound(operation, text) {
  const { method, path, summary = "", operationId = "", parameters = [] } = operation;
  const all = [method, path, summary, operationId, ...parameters.map(({ name }) => name)].join(" ").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
