import type { Json } from "../base/json.ts";
import { SchemaReader, type SchemaProblem } from "./read-schema.ts";
import { TooMuch, Visit, type SchemaError } from "./visit.ts";

export type { SchemaProblem } from "./read-schema.ts";
export type { SchemaError } from "./visit.ts";

/** Work that checking one value may cost. One schema asked of one value costs 1; it is about a second in all. */
export const SCHEMA_WORK_MAX = 10_000_000;

/** A JSON Schema, prepared to be asked many times. */
export interface JsonSchema {
  /** What is wrong with the schema itself. A keyword that is wrong lets no value pass. */
  readonly problems: readonly SchemaProblem[];
  /** What is wrong with a value, at most 50 errors; empty when it fits. Never throws for a value of JSON. */
  errors(value: Json, options?: { readonly workMax?: number }): readonly SchemaError[];
}

/**
 * Prepares a JSON Schema (draft 2020-12; `items` as a list is read as older drafts mean it). The schema and the values
 * may come from strangers: patterns run on RE2, references stay within the schema, and the work is counted, so a check
 * ends in bounded time whatever they are. `format` is checked where it is known and a note elsewhere; `$dynamicRef` is
 * read as `$ref`. Nothing is compiled to program text.
 */
export function readJsonSchema(schema: Json): JsonSchema {
  const reader = new SchemaReader(schema);
  const node = reader.read();
  return {
    problems: reader.problems,
    errors(value, { workMax = SCHEMA_WORK_MAX } = {}) {
      const visit = new Visit(reader.tracks, workMax);
      try {
        visit.fits(node, value);
      } catch (error) {
        if (!(error instanceof TooMuch)) throw error;
        const message = `needs more than ${workMax} operations, or too many schemas inside schemas, to be checked`;
        return [...visit.errors, { pointer: "", keyword: "limit", message }];
      }
      return visit.errors;
    },
  };
}
