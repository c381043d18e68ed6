import { AppError } from "@weftwork/core";
import { z } from "zod";
import type { ModelRequest } from "../gateway/model.ts";
import { completed, defineNode } from "./define-node.ts";
import { refused } from "./model/ask.ts";
import {
  classesOf,
  classInstruction,
  classList,
  classSchema,
  namedClass,
  takeClass,
  type Class,
} from "./model/classes.ts";
import { compose } from "./model/compose.ts";
import { difyUsage, isDify } from "./model/dify.ts";
import { classifierFromDify } from "./model/dify-choice.ts";
import { modelFields, modelOf } from "./model/fields.ts";
import { readMedia } from "./model/media.ts";
import { askForValue } from "./model/value.ts";
import type { ModelNodeOptions } from "./model-inference.ts";
import type { NodeExecutor } from "./node.ts";
import { textOf } from "./text.ts";

const config = z.preprocess(
  classifierFromDify,
  z.object({
    ...modelFields,
    query: z.unknown().optional(),
    classes: classList,
    instruction: z.string().nullish(),
    examples: z.array(z.object({ text: z.string(), class: z.string() })).nullish(),
    default: z.string().nullish(),
    on_unknown: z.enum(["fail", "first"]).nullish(),
    confidence: z.boolean().nullish(),
  }),
);

/**
 * `classify {model provider query|input classes instruction examples default on_unknown confidence params context
 * history vision repair}` → `{class_id, class_name}`, with `confidence` where it is asked for and the model says one.
 *
 * An answer that names no class is asked for once more. After that `default` is taken, or the first class with
 * `on_unknown: first`; else the step fails with `MODEL_OUTPUT_INVALID`.
 */
export function classifyNode({ catalog, files = null }: ModelNodeOptions): NodeExecutor {
  return defineNode({
    type: "classify",
    effect: "idempotent",
    pool: "generation",
    timeoutMs: 600_000,
    config,
    async execute(fields, task) {
      const classes = classesOf(fields.classes);
      const fallback = fallbackOf(classes, fields.default ?? null, fields.on_unknown ?? "fail");
      const withConfidence = fields.confidence ?? false;
      const model = modelOf(catalog, fields);
      const text = textOf(fields.query === undefined ? task.input() : fields.query);
      const system = classInstruction(classes, fields.instruction ?? "", fields.examples ?? [], withConfidence);
      const draft = compose(system, [{ role: "user", content: text }], fields);
      const unsupported = fields.vision?.unsupported ?? "fail";
      const messages = await readMedia(draft.messages, { model, task, files, unsupported });
      const seed = fields.params?.["seed"];
      const request: ModelRequest = {
        messages,
        system: draft.system!,
        schema: classSchema(classes, withConfidence),
        seed: typeof seed === "number" ? seed : task.seed,
        ...(fields.params ? { params: fields.params } : {}),
      };
      const options = { reasoning: "separated", tells: false, repairs: fields.repair ?? true } as const;
      const take = (answer: Parameters<typeof takeClass>[0]) => takeClass(answer, classes);
      const valued = await askForValue(model, request, task, { ...options, take }).catch(refused);
      if ("type" in valued) return valued;
      const { answer, taken } = valued;
      if ("problem" in taken && !fallback) throw new AppError("MODEL_OUTPUT_INVALID", { reason: taken.problem });
      const chosen = "value" in taken ? taken.value : { class: fallback!, confidence: null };
      const { usage } = answer;
      const { id, name, label } = chosen.class;
      const output = { class_id: id, class_name: name };
      if (isDify(task.config)) return completed({ ...output, class_label: label, usage: difyUsage(answer) }, { usage });
      return completed(chosen.confidence === null ? output : { ...output, confidence: chosen.confidence }, { usage });
    },
  });
}

/** The class that is taken when the model names none; null: there is none, and the step fails. */
function fallbackOf(classes: readonly Class[], given: string | null, onUnknown: "fail" | "first"): Class | null {
  if (given === null) return onUnknown === "first" ? classes[0]! : null;
  const found = namedClass(classes, given);
  if (found) return found;
  throw new AppError("STEP_FAILED", { reason: `its default is the class ${given}, which is not there` });
}
