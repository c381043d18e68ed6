import type { Json, JsonObject } from "@weftwork/core";

/** Words that a scripted answer sends one after the other. A promise among them is a gate: the rest waits for it. */
export type Chunks = string | readonly (string | PromiseLike<unknown>)[];

/** What the scripted server answers to one call. All but gates and functions can be written in YAML. */
export type ScriptedAnswer =
  | {
      readonly text: Chunks;
      readonly reasoning?: string;
      readonly toolCalls?: readonly ScriptedToolCall[];
      readonly finishReason?: string;
      /** Left out: counted from the texts. Null: the server tells none. */
      readonly usage?: ScriptedUsage | null;
    }
  /** The value's JSON as text. */
  | { readonly json: Json }
  | { readonly toolCalls: readonly ScriptedToolCall[] }
  | {
      readonly status: number;
      readonly message?: string;
      readonly code?: string;
      readonly type?: string;
      /** Seconds, or a date, as the header has it. */
      readonly retryAfter?: string | number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /**
   * `hang`: nothing, not even headers. `stall`: headers, then nothing. `cut`: half the text, then the connection breaks.
   * `end`: half the text, then a proper end of the response. `invalid_json`, `html`, `empty`: no answer, with status 200.
   * `error_event`: half the text, then an error within the stream.
   */
  | { readonly fault: ScriptedFault; readonly text?: string };

export type ScriptedFault = "hang" | "stall" | "cut" | "end" | "invalid_json" | "html" | "empty" | "error_event";

export interface ScriptedToolCall {
  readonly name: string;
  readonly arguments: Json;
  readonly id?: string;
}

export interface ScriptedUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** An answer, and the calls it is for. A rule without conditions fits every call. */
export interface ScriptRule {
  readonly model?: string;
  /** The how-manieth call to the server, from 1; of those that fit the rule's other conditions. */
  readonly nth?: number;
  /** The last message holds this text, fits this pattern, or the function says so. */
  readonly when?: string | RegExp | ((last: string, body: JsonObject) => boolean);
  readonly answer: ScriptedAnswer | ((body: JsonObject) => ScriptedAnswer);
}

/** Rules, the first that fits answers; or one answer for all calls. */
export type ModelScript = ScriptedAnswer | readonly ScriptRule[];

/** Finds the answer to each call. Knows how many calls each rule has met, and nothing of HTTP. */
export class ScriptReader {
  private readonly rules: readonly ScriptRule[];
  private readonly met = new Map<ScriptRule, number>();

  constructor(script: ModelScript) {
    this.rules = isRules(script) ? script : [{ answer: script }];
  }

  /** The answer to a call; one that no rule fits is refused with words that say what was asked. */
  answer(body: JsonObject): ScriptedAnswer {
    const last = lastMessage(body);
    let found: ScriptRule | null = null;
    for (const rule of this.rules.filter((one) => fits(one, last, body))) {
      const count = (this.met.get(rule) ?? 0) + 1;
      this.met.set(rule, count);
      if (rule.nth === undefined || rule.nth === count) found ??= rule;
    }
    if (found) return typeof found.answer === "function" ? found.answer(body) : found.answer;
    const asked = last.length > 200 ? `${last.slice(0, 200)}…` : last;
    return { status: 400, message: `No rule of the script fits this call; its last message is: ${asked}` };
  }
}

function isRules(script: ModelScript): script is readonly ScriptRule[] {
  return Array.isArray(script);
}

function fits({ model, when }: ScriptRule, last: string, body: JsonObject): boolean {
  if (model !== undefined && body["model"] !== model) return false;
  if (when === undefined) return true;
  if (typeof when === "string") return last.includes(when);
  return typeof when === "function" ? when(last, body) : last.search(when) !== -1;
}

/** The text of the last message of a chat call. */
export function lastMessage(body: JsonObject): string {
  const messages = body["messages"];
  const last = Array.isArray(messages) ? (messages as readonly JsonObject[]).at(-1) : undefined;
  const content = last?.["content"] ?? "";
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? (content as readonly JsonObject[]) : [];
  return parts.map((part) => (typeof part["text"] === "string" ? part["text"] : "")).join("\n");
}
