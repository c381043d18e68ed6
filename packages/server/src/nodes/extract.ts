import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Model, ModelRequest } from "../gateway/model.ts";
import { completed, defineNode } from "./define-node.ts";
import { schemaProblem } from "./json-schema.ts";
import { refused, type Answer } from "./model/ask.ts";
import { compose } from "./model/compose.ts";
import { extractorFromDify } from "./model/dify-choice.ts";
import { difyUsage, isDify } from "./model/dify.ts";
import { map, modelFields, modelOf } from "./model/fields.ts";
import { lenientJson } from "./model/lenient-json.ts";
import { readMedia } from "./model/media.ts";
import {
  emptyOf,
  parameterList,
  parameterSchema,
  parametersOf,
  readParameters,
  type Parameter,
} from "./model/parameters.ts";
import { askForValue, type Taken } from "./model/value.ts";
import type { ModelNodeOptions } from "./model-inference.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";
import { textOf } from "./text.ts";

const MODES = ["schema", "function_call", "prompt"] as const;
const config = z.preprocess(
  extractorFromDify,
  z
    .object({
      ...modelFields,
      query: z.unknown().optional(),
      schema: map.nullish(),
      parameters: parameterList.nullish(),
      instruction: z.string().nullish(),
      mode: z.enum(MODES).nullish(),
      strict: z.boolean().nullish(),
    })
    .refine(({ schema, parameters }) => Boolean(schema) !== Boolean(parameters), "give either schema or parameters"),
);
type Config = z.output<typeof config>;
type Mode = (typeof MODES)[number];

/** Name of the tool that a model is given to answer by. */
const TOOL = "extract_parameters";

/**
 * `extract {model provider query|input schema|parameters instruction mode strict params context history vision repair}`
 * → the object that was found. What is not required and not in the text is null with `parameters`.
 *
 * `mode` is how the model is asked: by a `schema` of its answer, by a tool that it calls (`function_call`), or in words
 * (`prompt`). A model that knows no tools is asked by a schema. Strict (the default): what does not fit is asked for
 * once more, and then fails with `MODEL_OUTPUT_INVALID`. Otherwise the step succeeds in any case, with
 * `{success, reason, values}`, where a value that was not found is empty (text, 0, false, a list without elements).
 */
export function extractNode({ catalog, files = null }: ModelNodeOptions): NodeExecutor {
  return defineNode({
    type: "extract",
    effect: "idempotent",
    pool: "generation",
    timeoutMs: 600_000,
    config,
    async execute(fields, task) {
      const model = modelOf(catalog, fields);
      const mode = modeFor(model, fields.mode ?? "schema");
      const isImported = isDify(task.config);
      const reader = fields.parameters
        ? new ParameterReader(parametersOf(fields.parameters), isImported)
        : new SchemaReader(fields.schema!);
      const request = await requestOf(model, reader.schema, mode, fields, task, files);
      const strict = fields.strict ?? true;
      const valued = await askForValue(model, request, task, {
        reasoning: "separated",
        tells: false,
        repairs: fields.repair ?? true,
        take: (answer) => taken(reader, objectOf(answer)),
      }).catch(refused);
      if ("type" in valued) return valued;
      const { answer } = valued;
      const { usage } = answer;
      if (strict) {
        if ("value" in valued.taken) return completed(reader.whole(valued.taken.value), { usage });
        throw new AppError("MODEL_OUTPUT_INVALID", { reason: valued.taken.problem });
      }
      const { values, problem } = reader.read(objectOf(answer) ?? {});
      const reason = objectOf(answer) === null ? NOTHING : problem;
      const all = reader.filled(values);
      if (!isImported) return completed({ success: reason === null, reason, values: all }, { usage });
      const ends = { __is_success: reason === null ? 1 : 0, __reason: reason, __usage: difyUsage(answer) };
      return completed({ ...all, ...ends }, { usage });
    },
  });
}

const NOTHING = "Failed to extract result from function call or text response, using empty result.";

/** Reads what the model has found. */
interface Reader {
  readonly schema: JsonObject;
  read(given: JsonObject): { readonly values: JsonObject; readonly problem: string | null };
  /** The result of a step that must have found all that is required. */
  whole(values: JsonObject): JsonObject;
  /** The result of a step that gives what it has. */
  filled(values: JsonObject): JsonObject;
}

class ParameterReader implements Reader {
  readonly schema: JsonObject;
  private readonly parameters: readonly Parameter[];
  private readonly exact: boolean;

  constructor(parameters: readonly Parameter[], exact: boolean) {
    this.parameters = parameters;
    this.exact = exact;
    this.schema = parameterSchema(parameters);
  }

  read(given: JsonObject) {
    return readParameters(this.parameters, given, this.exact);
  }

  whole(values: JsonObject): JsonObject {
    return Object.fromEntries(this.parameters.map(({ name }) => [name, values[name] ?? null]));
  }

  filled(values: JsonObject): JsonObject {
    return Object.fromEntries(this.parameters.map((one) => [one.name, values[one.name] ?? emptyOf(one)]));
  }
}

class SchemaReader implements Reader {
  readonly schema: JsonObject;

  constructor(schema: JsonObject) {
    this.schema = schema;
  }

  read(given: JsonObject) {
    return { values: given, problem: schemaProblem(this.schema, given) };
  }

  whole(values: JsonObject): JsonObject {
    return values;
  }

  filled(values: JsonObject): JsonObject {
    return values;
  }
}

function taken(reader: Reader, given: JsonObject | null): Taken<JsonObject> {
  if (given === null) return { problem: "it is no JSON object" };
  const { values, problem } = reader.read(given);
  return problem === null ? { value: values } : { problem };
}

/** The object that a model has found: what it called the tool with, or what its text says. */
function objectOf({ toolCalls, object, text }: Answer): JsonObject | null {
  const given: Json | undefined = toolCalls[0]?.arguments ?? object ?? lenientJson(text);
  return isJsonObject(given) ? given : null;
}

function modeFor(model: Model, mode: Mode): Mode {
  return mode === "function_call" && model.abilities?.tools === false ? "schema" : mode;
}

async function requestOf(
  model: Model,
  schema: JsonObject,
  mode: Mode,
  fields: Config,
  task: NodeTask,
  files: ModelNodeOptions["files"] = null,
): Promise<ModelRequest> {
  const text = textOf(fields.query === undefined ? task.input() : fields.query);
  const draft = compose(
    instructionOf(schema, mode, fields.instruction ?? ""),
    [{ role: "user", content: text }],
    fields,
  );
  const unsupported = fields.vision?.unsupported ?? "fail";
  const seed = fields.params?.["seed"];
  return {
    messages: await readMedia(draft.messages, { model, task, files, unsupported }),
    system: draft.system!,
    seed: typeof seed === "number" ? seed : task.seed,
    ...(mode === "schema" ? { schema } : {}),
    ...(mode === "function_call"
      ? { tools: [{ name: TOOL, description: "Takes the values that were found in the text.", parameters: schema }] }
      : {}),
    ...(fields.params ? { params: fields.params } : {}),
  };
}

function instructionOf(schema: JsonObject, mode: Mode, instruction: string): string {
  return [
    "Extract values from the message of the user. Take what it says and invent nothing; leave out what it does not say.",
    ...(instruction.trim() === "" ? [] : [instruction]),
    ...(mode === "function_call" ? [`Call the tool ${TOOL} with the values.`] : []),
    ...(mode === "prompt"
      ? [`Answer with one JSON object that fits this JSON Schema, and nothing else:\n${JSON.stringify(schema)}`]
      : []),
  ].join("\n\n");
}
