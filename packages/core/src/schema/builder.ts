import type { Json, JsonObject } from "../base/json.ts";
import type { Pattern } from "./pattern.ts";
import type { Check, SchemaNode } from "./visit.ts";

/** Prepares one keyword; null when it asks nothing of a value. `pointer` leads to the keyword. */
export type Builder = (value: Json, schema: JsonObject, reader: SchemaParts, pointer: string) => Check | null;

/** What a keyword may ask of the schema it stands in. What cannot be read is noted as a problem of the schema. */
export interface SchemaParts {
  /** Set by keywords that ask which members have met a schema. */
  tracks: boolean;
  /** A schema inside the schema. */
  node(schema: Json, pointer: string): SchemaNode;
  /** What a reference leads to. */
  target(reference: string, pointer: string): SchemaNode;
  /** Null when it cannot be read. */
  pattern(source: string, pointer: string): Pattern | null;
}

/** Stands for a keyword that cannot be used, which is a problem of the schema. Nothing passes it unchecked. */
export function unusable(keyword: string): Check {
  return (_value, visit) => visit.fail(keyword, `cannot be checked: the keyword ${keyword} of its schema is wrong`);
}

/** One step of a JSON Pointer (RFC 6901). */
export function pointerPart(name: string): string {
  return "/" + name.replaceAll("~", "~0").replaceAll("/", "~1");
}
