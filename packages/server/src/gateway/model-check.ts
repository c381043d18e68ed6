import { failure, failureOf, type Failure } from "@weftwork/core";
import type { FinishReason, Model, ModelRequest, Usage } from "./model.ts";

/** What one short call showed, for `weft models test`. */
export interface ModelTest {
  readonly model: string;
  readonly provider: string;
  /** Until the first token; null when none came. */
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
  /** What was answered so far, shortened. */
  readonly text: string;
  readonly usage: Usage | null;
  readonly finishReason: FinishReason | null;
  readonly fingerprint: string;
  /** Why it failed; null when it works. */
  readonly failure: Failure | null;
}

export interface TestModelOptions {
  readonly signal?: AbortSignal;
  readonly prompt?: string;
  readonly now?: () => number;
}

const TEXT_LENGTH_MAX = 200;

/** One short call to a model. It may cost a few tokens; it never throws. */
export async function testModel(model: Model, options: TestModelOptions = {}): Promise<ModelTest> {
  const { signal = new AbortController().signal, now = () => performance.now() } = options;
  const { prompt = "Reply with one short sentence: are you ready?" } = options;
  const request: ModelRequest = { messages: [{ role: "user", content: prompt }], params: { max_tokens: 64 } };
  const startedAt = now();
  let firstTokenMs: number | null = null;
  let text = "";
  const result = (rest: Partial<ModelTest>): ModelTest => ({
    model: model.id,
    provider: model.provider,
    firstTokenMs,
    totalMs: now() - startedAt,
    text: text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text,
    usage: null,
    finishReason: null,
    fingerprint: "",
    failure: null,
    ...rest,
  });
  try {
    for await (const part of model.stream(request, { signal })) {
      if (part.type === "text_delta" || part.type === "reasoning_delta") firstTokenMs ??= now() - startedAt;
      if (part.type === "text_delta") text += part.text;
      if (part.type === "finish") {
        const { usage, finishReason, fingerprint } = part;
        return result({ usage, finishReason, fingerprint });
      }
    }
    return result({ failure: failure("MODEL_STREAM_CUT", { model: model.id, reason: "it had no end." }) });
  } catch (error) {
    return result({ failure: failureOf(error, "MODEL_UNAVAILABLE") });
  }
}
