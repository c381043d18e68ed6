import { AppError, isErrorCode } from "@weftwork/core";
import type { Catalog } from "../gateway/catalog.ts";
import type { Model, ModelContext, ModelPart, ModelRequest, ModelResult, ToolCall } from "../gateway/model.ts";
import { textOf } from "../gateway/parts.ts";
import { estimateTokens } from "../gateway/tokens.ts";
import type { ErrorSource, ModelAnswer, ModelRule, ToolCallSource } from "./case.ts";
import { answerOf } from "./read-answers.ts";
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
  const used = new Map<ModelRule, number>();

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
    const prepare = async (request: ModelRequest, { signal }: ModelContext): Promise<ModelAnswer | null> => {
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
      const number = (used.get(rule) ?? 0) + 1;
      used.set(rule, number);
      const answer = answerOf(rule.answers, number);
      if (answer.delayMs > 0) await options.clock.sleep(answer.delayMs, signal);
      return answer;
    };
    return {
      id,
      provider: builtin?.provider ?? FINGERPRINT,
      async generate(request, context) {
        const answer = await prepare(request, context);
        if (answer === null) return builtin!.generate(request, context);
        const result = resultOf(answer, id, request);
        const wordsMs = answer.paceMs * pacedWords(answer, result.text).length;
        if (wordsMs > 0) await options.clock.sleep(wordsMs, context.signal);
        if (answer.isCut) throw cutError(id);
        return result;
      },
      async *stream(request, context): AsyncGenerator<ModelPart> {
        const answer = await prepare(request, context);
        if (answer === null) return yield* builtin!.stream(request, context);
        const { text, object, toolCalls = [], usage, finishReason, fingerprint } = resultOf(answer, id, request);
        yield { type: "text_start" };
        const words = pacedWords(answer, text);
        for (const word of words) {
          await options.clock.sleep(answer.paceMs, context.signal);
          yield { type: "text_delta", text: word };
        }
        if (words.length === 0 && text !== "") yield { type: "text_delta", text };
        if (answer.isCut) throw cutError(id);
        yield { type: "text_end" };
        yield* toolCalls;
        yield { type: "finish", ...(object === undefined ? {} : { object }), usage, finishReason, fingerprint };
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

/** The words of an answer that comes slowly; none of one that comes at once. */
function pacedWords({ paceMs }: ModelAnswer, text: string): readonly string[] {
  return paceMs === 0 ? [] : (text.match(/\s*\S+\s*$|\s*\S+/g) ?? []);
}

function cutError(model: string): AppError {
  return new AppError("MODEL_STREAM_CUT", { model, reason: "the script of the test breaks it off." });
}

function resultOf({ says }: ModelAnswer, model: string, request: ModelRequest): ModelResult {
  if (says.type === "error") throw modelError(says.error, says.retryAfterMs, model);
  const text = says.type === "text" ? says.text : JSON.stringify(says.json);
  const calls = says.type === "text" ? says.toolCalls : [];
  const input = request.messages.reduce((sum, message) => sum + estimateTokens(textOf(message)), 0);
  const output = estimateTokens(text);
  return {
    text,
    ...(says.type === "json" ? { object: says.json } : {}),
    ...(calls.length === 0 ? {} : { toolCalls: calls.map(toolCall) }),
    usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
    finishReason: calls.length === 0 ? "stop" : "tool_calls",
    fingerprint: FINGERPRINT,
  };
}

/** Numbered, so that every repeat of a case is the same. */
function toolCall({ name, arguments: given = {} }: ToolCallSource, index: number): ToolCall {
  return { type: "tool_call", id: `call_${index + 1}`, name, arguments: given };
}

/** What a model's server says with a status, as the error that a provider makes of it. */
function modelError(
  { status = 500, code, message }: ErrorSource,
  retryAfterMs: number | null,
  model: string,
): AppError {
  const reason = message ?? `its server answered with status ${status}`;
  const details = {
    model,
    status,
    reason: `${reason}.`,
    what: "answer",
    timeoutMs: 30_000,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
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
