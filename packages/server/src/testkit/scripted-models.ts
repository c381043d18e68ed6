import { AppError, isErrorCode } from "@weftwork/core";
import type { Catalog } from "../gateway/catalog.ts";
import type { Model, ModelContext, ModelPart, ModelRequest, ModelResult } from "../gateway/model.ts";
import { textOf } from "../gateway/parts.ts";
import { estimateTokens } from "../gateway/tokens.ts";
import type { ErrorSource, ModelRule } from "./case.ts";
import type { SkippingClock } from "./skipping-clock.ts";

/** The fingerprint of scripted answers. */
const FINGERPRINT = "scripted";
const EXCERPT_LENGTH = 160;

export interface ModelScriptOptions {
  readonly rules: readonly ModelRule[];
  readonly clock: SkippingClock;
  /** A call begins. */
  readonly called: () => void;
  /** The case cannot be judged: there is no answer to a call. */
  readonly complain: (message: string) => void;
}

/**
 * Models that answer from a script. What no rule fits goes to the builtin model of that name, for it is the same on
 * every machine; a call to any other model is a complaint. Every name is known here: a test needs no configuration.
 */
export function scriptedModels(real: Catalog<Model>, options: ModelScriptOptions): Catalog<Model> {
  const met = new Map<ModelRule, number>();

  function ruleFor(names: readonly string[], request: ModelRequest): ModelRule | null {
    const last = lastText(request);
    let found: ModelRule | null = null;
    for (const rule of options.rules) {
      if (rule.model !== null && !names.includes(rule.model)) continue;
      if (rule.when !== null && !rule.when.fits(last)) continue;
      const count = (met.get(rule) ?? 0) + 1;
      met.set(rule, count);
      if (rule.nth === null || rule.nth === count) found ??= rule;
    }
    return found;
  }

  function scripted(name: string, builtin: Model | null): Model {
    const id = builtin?.id ?? name;
    const prepare = async (request: ModelRequest, { signal }: ModelContext): Promise<ModelResult | null> => {
      options.called();
      const rule = ruleFor([name, id], request);
      if (rule === null && builtin !== null) return null;
      if (rule === null) {
        const last = excerpt(lastText(request));
        options.complain(
          `The model ${name} was called, and no script answers. Add an answer under models; its last message was: ${last}`,
        );
        throw new AppError("MODEL_REQUEST_INVALID", {
          model: name,
          reason: "no script of the test answers this call.",
        });
      }
      if (rule.delayMs > 0) await options.clock.sleep(rule.delayMs, signal);
      return resultOf(rule, id, request);
    };
    return {
      id,
      provider: builtin?.provider ?? FINGERPRINT,
      async generate(request, context) {
        return (await prepare(request, context)) ?? builtin!.generate(request, context);
      },
      async *stream(request, context): AsyncGenerator<ModelPart> {
        const result = await prepare(request, context);
        if (result) yield* partsOf(result);
        else yield* builtin!.stream(request, context);
      },
    };
  }

  return {
    get(name) {
      const asked = name ?? real.get().id;
      return scripted(asked, real.list().some((entry) => entry.name === asked) ? real.get(asked) : null);
    },
    list: () => real.list(),
  };
}

function resultOf({ answer }: ModelRule, model: string, request: ModelRequest): ModelResult {
  if (answer.type === "error") throw modelError(answer.error, model);
  const text = answer.type === "text" ? answer.text : JSON.stringify(answer.json);
  const input = request.messages.reduce((sum, message) => sum + estimateTokens(textOf(message)), 0);
  const output = estimateTokens(text);
  return {
    text,
    ...(answer.type === "json" ? { object: answer.json } : {}),
    usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
    finishReason: "stop",
    fingerprint: FINGERPRINT,
  };
}

function* partsOf({ text, object, usage, finishReason, fingerprint }: ModelResult): Generator<ModelPart> {
  yield { type: "text_start" };
  yield { type: "text_delta", text };
  yield { type: "text_end" };
  yield { type: "finish", ...(object === undefined ? {} : { object }), usage, finishReason, fingerprint };
}

/** What a model's server says with a status, as the error that a provider makes of it. */
function modelError({ status = 500, code, message }: ErrorSource, model: string): AppError {
  const reason = message ?? `its server answered with status ${status}`;
  const details = { model, status, reason: `${reason}.`, what: "answer", timeoutMs: 0 };
  if (code !== undefined && isErrorCode(code)) return new AppError(code, details);
  if (status === 401 || status === 403) return new AppError("MODEL_AUTHENTICATION", details);
  if (status === 402) return new AppError("MODEL_QUOTA_EXHAUSTED", details);
  if (status === 413) return new AppError("MODEL_INPUT_TOO_LONG", details);
  if (status === 429 || status === 503 || status === 529) return new AppError("MODEL_OVERLOADED", details);
  return new AppError(status < 500 ? "MODEL_REQUEST_INVALID" : "MODEL_UNAVAILABLE", details);
}

function lastText(request: ModelRequest): string {
  const last = request.messages.at(-1);
  return last ? textOf(last) : "";
}

function excerpt(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ").trim();
  return flat.length > EXCERPT_LENGTH ? `${flat.slice(0, EXCERPT_LENGTH)}…` : flat;
}
