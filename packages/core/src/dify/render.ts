import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { pythonNumber, pythonQuoted } from "../expression/render.ts";
import { fileAttribute, isFile } from "./selector.ts";

/** Where a value is put: into a prompt or request, or into what a reader of markdown sees. */
export type Form = "text" | "markdown";

/** A value as Dify writes it into text. Lists and objects differ between the two forms. */
export function renderValue(value: Json, form: Form = "text"): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return pythonNumber(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return form === "text" ? listText(value) : listMarkdown(value);
  if (isFile(value)) return form === "text" ? "" : fileMarkdown(value);
  return form === "text" ? pythonJson(value) : pythonJson(value, 2);
}

/** Texts as a JSON list; whatever else as Python prints it, which is what the files were written against. */
function listText(list: readonly Json[]): string {
  if (list.every(isFile)) return ""; // An empty list as well.
  return list.every((item) => typeof item === "string") ? pythonJson(list) : pythonRepr(list);
}

function listMarkdown(list: readonly Json[]): string {
  if (list.every(isFile)) return list.map(fileMarkdown).join("\n");
  return list
    .map((item) => `- ${typeof item === "object" ? renderValue(item) : renderValue(item, "markdown")}`)
    .join("\n");
}

function fileMarkdown(file: JsonObject): string {
  const link = `[${renderValue(file["filename"] ?? "")}](${renderValue(fileAttribute(file, "url") ?? "")})`;
  return file["type"] === "image" ? `!${link}` : link;
}

/** JSON as Python's `json.dumps` writes it: a blank behind commas and colons, other scripts kept, or indented. */
export function pythonJson(value: Json, indent: number | null = null, depth = 0): string {
  if (typeof value === "number") return pythonNumber(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const members = isList
    ? (value as readonly Json[]).map((item) => pythonJson(item, indent, depth + 1))
    : Object.entries(value as JsonObject).map(
        ([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item, indent, depth + 1)}`,
      );
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (members.length === 0) return open + close;
  if (indent === null) return open + members.join(", ") + close;
  const inner = "\n" + " ".repeat(indent * (depth + 1));
  return open + inner + members.join("," + inner) + "\n" + " ".repeat(indent * depth) + close;
}

/** A value as Python's `repr` prints it. */
export function pythonRepr(value: Json): string {
  if (value === null) return "None";
  if (typeof value === "string") return pythonQuoted(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return pythonNumber(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => pythonRepr(item)).join(", ")}]`;
  if (!isJsonObject(value)) return "";
  return `{${Object.entries(value)
    .map(([key, item]) => `${pythonQuoted(key)}: ${pythonRepr(item)}`)
    .join(", ")}}`;
}

/** The word Dify uses for the type of a value in messages: that of Python. */
export function pythonType(value: Json): string {
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return Array.isArray(value) ? "list" : "dict";
}
