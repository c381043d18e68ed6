/** The tables of docs/api.md: routes and resources as the OpenAPI document has them. */
import { isJsonObject, type Json, type JsonObject } from "../packages/core/src/index.ts";
import { openApiDocument } from "../packages/server/src/http/openapi/document.ts";

type Row = readonly string[];

/** The routes of each tag, with what they do. */
export function routeTables(): string {
  const { paths, tags } = openApiDocument();
  const operations = Object.entries(paths as JsonObject).flatMap(([path, methods]) =>
    Object.entries(methods as JsonObject).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      operation: operation as JsonObject,
    })),
  );
  return (tags as readonly JsonObject[])
    .map(({ name }) => {
      const rows = operations
        .filter(({ operation }) => (operation["tags"] as readonly Json[]).includes(name!))
        .map(({ route, operation }) => [`\`${route}\``, String(operation["summary"])]);
      return table([`Route: ${String(name)}`, "What it does"], rows);
    })
    .join("\n\n");
}

/** Every resource with its members. */
export function resourceTables(): string {
  const { schemas } = openApiDocument()["components"] as { schemas: Readonly<Record<string, JsonObject>> };
  return Object.entries(schemas)
    .filter(([name]) => name !== "ErrorCode")
    .map(([name, schema]) => `### \`${name}\`\n\n${about(schema)}`)
    .join("\n\n");
}

function about(schema: JsonObject): string {
  if (!isJsonObject(schema["properties"])) return `${typeText(schema)}.`;
  return table(["Member", "Type", "Meaning"], memberRows(schema, ""));
}

/** A member that has members of its own stands with them: `steps[].name`. */
function memberRows(schema: JsonObject, before: string): readonly Row[] {
  const needed = Array.isArray(schema["required"]) ? (schema["required"] as readonly Json[]) : [];
  return Object.entries(schema["properties"] as JsonObject).flatMap(([name, value]) => {
    const one = value as JsonObject;
    const type = typeText(one) + (needed.includes(name) ? "" : ", may be left out");
    const row = [`\`${before}${name}\``, type, String(one["description"] ?? "")];
    const items = isJsonObject(one["items"]) ? one["items"] : null;
    const inner = items ?? one;
    if (!isJsonObject(inner["properties"])) return [row];
    return [row, ...memberRows(inner, `${before}${name}${items ? "[]" : ""}.`)];
  });
}

function typeText(schema: JsonObject): string {
  const { $ref: reference, anyOf, oneOf, enum: values, items, type, additionalProperties: others, format } = schema;
  if (typeof reference === "string") return nameLink(reference.split("/").at(-1)!);
  const choices = anyOf ?? oneOf;
  if (Array.isArray(choices)) return (choices as readonly JsonObject[]).map(typeText).join(" or ");
  if (Array.isArray(values)) return (values as readonly Json[]).map((value) => `\`${String(value)}\``).join(" ");
  if (isJsonObject(items)) return `list of ${typeText(items)}`;
  if (isJsonObject(others)) return `map of ${typeText(others)}`;
  if (type === undefined) return "any value";
  const text = [type].flat().join(" or ");
  return format === "date-time" ? text.replace("string", "time") : text;
}

function nameLink(name: string): string {
  return name === "ErrorCode"
    ? "a code of [errors](errors.md), in lower case"
    : `[\`${name}\`](#${name.toLowerCase()})`;
}

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
