import { isJsonObject, isPrototypeName, type Json, type JsonObject } from "../base/json.ts";
import { isLazyMap, type Scope } from "../expression/scope.ts";
import type { Selector } from "../workflow/dify-steps.ts";

/** Prefixes that name no node. */
export const NAMESPACES: ReadonlySet<string> = new Set(["sys", "env", "conversation", "rag"]);

/** Marks a map that is a file and not an object of the author's. */
export const FILE_MARK = "__dify__file__";

/**
 * The value that a selector leads to; undefined when it leads nowhere. A stored null is found. Keys walk into objects,
 * and into files by attribute; elements of lists cannot be addressed.
 */
export function find(scope: Scope, selector: Selector): Json | undefined {
  const [node, name, ...keys] = selector;
  if (node === undefined || name === undefined || isPrototypeName(name)) return undefined;
  const holder = NAMESPACES.has(node) ? scope.lookup(node) : holderOf(scope, node);
  let value = member(holder, name);
  // Some files address `sys.query` through the start node, as `start.sys.query`.
  if (value === undefined && name === "sys" && keys.length > 0) value = member(holder, `sys.${keys.shift()!}`);
  for (const key of keys) {
    if (value === undefined || isPrototypeName(key)) return undefined;
    value = isFile(value) ? fileAttribute(value, key) : isJsonObject(value) ? own(value, key) : undefined;
  }
  return value;
}

/** The outputs of a node; of a container around the reader, what it gives to those inside. */
function holderOf(scope: Scope, node: string): unknown {
  const nodes = scope.lookup("nodes");
  return isLazyMap(nodes) ? nodes.get(node) : undefined;
}

function member(holder: unknown, name: string): Json | undefined {
  if (isLazyMap(holder)) return holder.get(name) as Json | undefined;
  return isJsonObject(holder) ? own(holder, name) : undefined;
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function isFile(value: Json | undefined): value is JsonObject {
  return isJsonObject(value) && value["dify_model_identity"] === FILE_MARK;
}

/** Attribute of a file, as conditions and selectors name them, and the member that holds it. */
const FILE_ATTRIBUTES: Readonly<Record<string, string>> = {
  type: "type",
  size: "size",
  name: "filename",
  mime_type: "mime_type",
  transfer_method: "transfer_method",
  url: "url",
  extension: "extension",
  related_id: "related_id",
};

/** An attribute of a file; undefined for a name that files do not have. */
export function fileAttribute(file: JsonObject, name: string): Json | undefined {
  if (!Object.hasOwn(FILE_ATTRIBUTES, name)) return undefined;
  if (name === "url") return own(file, "url") ?? own(file, "remote_url") ?? null;
  return own(file, FILE_ATTRIBUTES[name]!) ?? null;
}

/** A selector as messages and unresolved references show it. */
export function selectorName(selector: Selector): string {
  return selector.join(".");
}
