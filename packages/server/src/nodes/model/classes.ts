import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Answer } from "./ask.ts";
import { lenientJson } from "./lenient-json.ts";
import { withoutThoughts } from "./thoughts.ts";
import type { Taken } from "./value.ts";

const CLASSES_MAX = 1000;
const NAME_MAX = 2000;

/** The classes of a step as written: names, or maps. */
export const classList = z
  .array(
    z.union(
      [
        z.string().min(1),
        z.object({
          id: z.union([z.string().min(1), z.number()]).nullish(),
          name: z.string(),
          description: z.string().nullish(),
          label: z.string().nullish(),
        }),
      ],
      "give names, or maps of id, name and description",
    ),
  )
  .max(CLASSES_MAX);

export interface Class {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly label: string;
}

/** The classes in their order. Throws `STEP_FAILED` when there is none, or two have the same id. */
export function classesOf(given: z.output<typeof classList>): readonly Class[] {
  const classes = given.map((one, at): Class => {
    const { id, name, description, label } = typeof one === "string" ? { name: one } : one;
    return { id: String(id ?? name), name, description: description ?? "", label: label ?? `CLASS ${at + 1}` };
  });
  const ids = new Set(classes.map(({ id }) => id));
  if (classes.length === 0) throw new AppError("STEP_FAILED", { reason: "classes is empty; name at least one" });
  if (ids.size < classes.length) throw new AppError("STEP_FAILED", { reason: "two of its classes have the same id" });
  return classes;
}

export interface Chosen {
  readonly class: Class;
  /** 0 to 1, as the model says; null when it does not. */
  readonly confidence: number | null;
}

export interface Example {
  readonly text: string;
  readonly class: string;
}

/** What the answer must look like: the id of one class. Each class is explained behind its id. */
export function classSchema(classes: readonly Class[], withConfidence: boolean): JsonObject {
  const described = classes.map((one) => `${one.id}: ${aboutClass(one)}`).join("; ");
  return {
    type: "object",
    properties: {
      class_id: { type: "string", enum: classes.map(({ id }) => id), description: described },
      ...(withConfidence ? { confidence: { type: "number", description: "How sure, from 0 to 1." } } : {}),
    },
    required: withConfidence ? ["class_id", "confidence"] : ["class_id"],
    additionalProperties: false,
  };
}

function aboutClass({ id, name, description }: Class): string {
  return [name === id ? "" : name, description].filter((part) => part !== "").join(" – ") || name;
}

/** What the model is told above the text. */
export function classInstruction(
  classes: readonly Class[],
  instruction: string,
  examples: readonly Example[],
  withConfidence: boolean,
): string {
  const shown = examples.map(({ text, class: given }) => {
    const known = namedClass(classes, given);
    if (!known)
      throw new AppError("STEP_FAILED", { reason: `an example names the class ${given}, which is not there` });
    return `- ${JSON.stringify(text)} is ${JSON.stringify(known.id)}`;
  });
  const confidence = withConfidence ? ', "confidence": <0 to 1>' : "";
  return [
    "Classify the message of the user: choose the one class that fits it best. Do not answer the message itself.",
    ["Classes, by id:", ...classes.map((one) => `- ${JSON.stringify(one.id)}: ${aboutClass(one)}`)].join("\n"),
    ...(shown.length > 0 ? [["Classified before:", ...shown].join("\n")] : []),
    ...(instruction.trim() === "" ? [] : [instruction]),
    `Answer with JSON and nothing else: {"class_id": "<id>"${confidence}}`,
  ].join("\n\n");
}

/** The class of an id or a name, also where a model has changed its letters or put it between quotes. */
export function namedClass(classes: readonly Class[], said: string): Class | undefined {
  const exact = classes.find(({ id }) => id === said) ?? classes.find(({ name }) => name === said);
  // A longer text is no name; and it would cost its square to look for its ends.
  if (exact || said.length > NAME_MAX) return exact;
  const plain = plainly(said);
  if (plain === "") return undefined;
  return classes.find(({ id }) => plainly(id) === plain) ?? classes.find(({ name }) => plainly(name) === plain);
}

function plainly(text: string): string {
  return text.toLowerCase().replaceAll(/^[\s"'`*“”.]+|[\s"'`*“”.]+$/g, "");
}

/** Members that models put their choice into, the one that decides first. */
const ID_MEMBERS = ["class_id", "category_id", "id"];
const NAME_MEMBERS = ["class_name", "category_name", "class", "category", "label", "name"];

/** The class that an answer chooses. An id decides; without one the name does, or a text that is nothing but a name. */
export function takeClass(answer: Pick<Answer, "object" | "text">, classes: readonly Class[]): Taken<Chosen> {
  const value = answer.object ?? lenientJson(answer.text);
  if (isJsonObject(value)) {
    const said = ID_MEMBERS.concat(NAME_MEMBERS)
      .map((name) => sayable(value[name]))
      .find((one) => one !== null);
    const found = said === undefined || said === null ? undefined : namedClass(classes, said);
    if (!found)
      return { problem: said ? `there is no class ${JSON.stringify(said.slice(0, 100))}` : "it names no class" };
    const confidence = value["confidence"];
    const isShare = typeof confidence === "number" && confidence >= 0 && confidence <= 1;
    return { value: { class: found, confidence: isShare ? confidence : null } };
  }
  const found = namedClass(classes, value === undefined ? withoutThoughts(answer.text).trim() : (sayable(value) ?? ""));
  return found ? { value: { class: found, confidence: null } } : { problem: "it names no class" };
}

function sayable(value: Json | undefined): string | null {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : null;
}
