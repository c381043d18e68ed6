import type { Json, JsonObject } from "@weftwork/core";
import type { ExpectedPrompt, Expectations, Pattern } from "./case.ts";
import { at, type FieldReader } from "./field-reader.ts";

/** `expect.prompts`: what the model steps of a run are expected to ask, by the id of the step. */
export function readPrompts(reader: FieldReader, given: JsonObject, pointer: string): Expectations["prompts"] {
  const found = new Map<string, { type: "each" | "list"; prompts: readonly ExpectedPrompt[] }>();
  for (const id of Object.keys(given)) {
    const value = given[id]!;
    const isList = Array.isArray(value);
    const prompts = isList
      ? reader.list(given, id, pointer).flatMap((one, index) => readOne(reader, one, at(at(pointer, id), index)) ?? [])
      : [readOne(reader, value, at(pointer, id))].filter((one) => one !== null);
    found.set(id, { type: isList ? "list" : "each", prompts });
  }
  return found;
}

function readOne(reader: FieldReader, value: Json, pointer: string): ExpectedPrompt | null {
  if (typeof value === "string") {
    const cut = pointer.lastIndexOf("/");
    const prompt = wordsOf(reader, { [pointer.slice(cut + 1)]: value }, pointer.slice(cut + 1), pointer.slice(0, cut));
    return { prompt, system: null };
  }
  const map = reader.map(value, pointer, ["prompt", "system"]);
  return map && { prompt: wordsOf(reader, map, "prompt", pointer), system: wordsOf(reader, map, "system", pointer) };
}

/** A text stands for itself here: a prompt that has grown by a word is another prompt. */
function wordsOf(reader: FieldReader, map: JsonObject, name: string, pointer: string): string | Pattern | null {
  const text = reader.text(map, name, pointer);
  return text !== null && /^\/.+\/[a-z]*$/s.test(text) ? reader.pattern(map, name, pointer) : text;
}
