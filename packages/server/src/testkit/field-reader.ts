import { isJsonObject, parseDuration, type Json, type JsonObject, type YamlDocument } from "@weftwork/core";
import type { Pattern } from "./case.ts";

/** Reads the fields of a document, and lists what is wrong with them instead of stopping at the first. */
export class FieldReader {
  private readonly document: YamlDocument;

  constructor(document: YamlDocument) {
    this.document = document;
  }

  /** A map with these fields; null, with its problem listed, when it is none. */
  map(value: Json | undefined, pointer: string, fields: readonly string[] | null): JsonObject | null {
    if (!isJsonObject(value)) {
      this.wrong(pointer, "a map");
      return null;
    }
    for (const name of fields === null ? [] : Object.keys(value).filter((one) => !fields.includes(one))) {
      this.document.problems.error({
        code: "unknown_field",
        message: `There is no field ${JSON.stringify(name)} here; there are: ${fields!.join(", ")}.`,
        suggestion: () => this.document.suggester.didYouMean(name, fields!),
        pointer: at(pointer, name),
        atKey: true,
      });
    }
    return value;
  }

  /** The members of a list; none when the field is left out. */
  list(map: JsonObject, name: string, pointer: string): readonly Json[] {
    const value = map[name];
    if (value === undefined) return [];
    if (Array.isArray(value)) return value as readonly Json[];
    this.wrong(at(pointer, name), "a list");
    return [];
  }

  text(map: JsonObject, name: string, pointer: string, must: boolean = false): string | null {
    return this.field(map, name, pointer, must, "a text", (value) => (typeof value === "string" ? value : null));
  }

  boolean(map: JsonObject, name: string, pointer: string): boolean | null {
    return this.field(map, name, pointer, false, "true or false", (value) =>
      typeof value === "boolean" ? value : null,
    );
  }

  number(map: JsonObject, name: string, pointer: string, least: number): number | null {
    return this.field(map, name, pointer, false, `a whole number from ${least}`, (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= least ? value : null,
    );
  }

  duration(map: JsonObject, name: string, pointer: string): number | null {
    return this.field(map, name, pointer, false, 'a duration such as "5m"', parseDuration);
  }

  /** Whether exactly one of these fields is there; lists the problem otherwise. */
  oneOf(map: JsonObject, pointer: string, names: readonly string[]): boolean {
    if (names.filter((name) => map[name] !== undefined).length === 1) return true;
    this.problem("one_of", `Give one of ${names.join(", ")}.`, pointer);
    return false;
  }

  /** Text that is to be held, or `/…/`, a regular expression. */
  pattern(map: JsonObject, name: string, pointer: string): Pattern | null {
    const text = this.text(map, name, pointer);
    if (text === null) return null;
    const match = /^\/(.+)\/([a-z]*)$/s.exec(text);
    if (!match) return { shown: JSON.stringify(text), fits: (other) => other.includes(text) };
    try {
      const regex = new RegExp(match[1]!, match[2]!.replaceAll(/[gy]/g, ""));
      return { shown: text, fits: (other) => regex.test(other) };
    } catch (error) {
      const message = `${text} is no regular expression: ${(error as Error).message}.`;
      this.problem("invalid_pattern", message, at(pointer, name));
      return null;
    }
  }

  /** A problem at a field. */
  problem(code: string, message: string, pointer: string, suggestion: string | null = null): void {
    this.document.problems.error({ code, message, suggestion, pointer });
  }

  unknownName(what: string, name: string, pointer: string, known: readonly string[]): void {
    this.document.problems.error({
      code: "unknown_name",
      message: `There is no ${what} ${JSON.stringify(name)}.`,
      suggestion: () => this.document.suggester.didYouMean(name, known) ?? `Known: ${known.slice(0, 12).join(", ")}.`,
      pointer,
      atKey: true,
    });
  }

  place(pointer: string): { readonly line: number; readonly column: number } {
    return this.document.locator.locate(pointer);
  }

  private field<T>(
    map: JsonObject,
    name: string,
    pointer: string,
    must: boolean,
    what: string,
    read: (value: Json) => T | null,
  ): T | null {
    const value = map[name];
    if (value === undefined) {
      if (must) this.problem("missing_field", `The field ${name} is missing; give ${what}.`, pointer);
      return null;
    }
    const found = read(value);
    if (found === null) this.wrong(at(pointer, name), what);
    return found;
  }

  private wrong(pointer: string, what: string): void {
    this.problem(
      "wrong_type",
      `${pointer === "" ? "The file" : pointer.slice(pointer.lastIndexOf("/") + 1)} must be ${what}.`,
      pointer,
    );
  }
}

/** The pointer of a member (RFC 6901). */
export function at(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
