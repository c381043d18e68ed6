import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Catalog } from "../gateway/catalog.ts";
import type { Message, Model } from "../gateway/model.ts";
import type { OpenTools, Toolbox, ToolReference } from "../tools/tool.ts";
import { AgentBudget } from "./agent-budget.ts";
import { functionCalling } from "./agent-calling.ts";
import { react } from "./agent-react.ts";
import { structured, type AgentSession, type Strategy } from "./agent-session.ts";
import { completed, defineNode } from "./define-node.ts";
import { difyAgent } from "./dify/agent.ts";
import { inDialects } from "./dify/dialect.ts";
import { refused } from "./model/ask.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";
import { textOf } from "./text.ts";
import { ToolCaller } from "./tool-calls.ts";

const ROUNDS_DEFAULT = 10;
const TOKENS_DEFAULT = 1_000_000;

const map = z.custom<JsonObject>(isJsonObject, "give a map");
const message = z.object({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))], "give text or a list of parts"),
});
const reference = z.union(
  [
    z.string().min(1),
    z.strictObject({
      tool: z.string().min(1),
      name: z.string().min(1).nullish(),
      description: z.string().nullish(),
      arguments: map.nullish(),
    }),
  ],
  "give a name, or {tool, name, description, arguments}",
);
/** Nothing else: a field that is not read, such as one of another product, must not be left out in silence. */
const config = z.strictObject({
  model: z.string().min(1).nullish(),
  instruction: z.string().nullish(),
  input: z.unknown().optional(),
  prompt: z.unknown().optional(),
  messages: z.array(message).nullish(),
  tools: z.array(reference).nullish(),
  strategy: z.enum(["function_calling", "react"]).nullish(),
  max_iterations: z.int().min(1).max(1000).nullish(),
  max_tokens: z.int().min(1).nullish(),
  params: map.nullish(),
  schema: map.nullish(),
  details: z.boolean().nullish(),
});
type Config = z.output<typeof config>;

const STRATEGIES: Readonly<Record<NonNullable<Config["strategy"]>, Strategy>> = {
  function_calling: functionCalling,
  react,
};

export interface AgentOptions {
  readonly catalog: Catalog<Model>;
  readonly tools: Toolbox;
  /** Milliseconds from any start, for how long calls took. */
  readonly monotonic: () => number;
}

/**
 * `agent {model instruction prompt|input messages tools strategy max_iterations max_tokens schema}` → the final answer:
 * text, or the checked object with `schema`; with `details` a map `{text, output, steps, usage}`.
 *
 * An `effect`, for its tools may have some. Every call carries a key that is the same after a crash; the calls that the
 * model makes then may be others.
 */
export function agentNode(options: AgentOptions): NodeExecutor {
  const { catalog, tools: box, monotonic } = options;
  const native = defineNode({
    type: "agent",
    effect: "effect",
    pool: "agent",
    timeoutMs: 1_800_000,
    config,
    unavailable: (written) => toolProblem(box, written["tools"] ?? null),
    async execute(fields, task) {
      const model = catalog.get(fields.model ?? undefined);
      const open = await box.open((fields.tools ?? []).map(referenceOf), task);
      try {
        const caller = new ToolCaller({ tools: open.tools, task, monotonic });
        const session = sessionOf(fields, task, model, open, caller);
        return await answerOf(session, fields);
      } catch (error) {
        return refused(error);
      } finally {
        await open.close();
      }
    },
  });
  return inDialects(native, { ...native, execute: (task) => difyAgent(native, options, task) });
}

function sessionOf(fields: Config, task: NodeTask, model: Model, open: OpenTools, caller: ToolCaller): AgentSession {
  const { max_iterations: rounds, max_tokens: tokens, params, instruction } = fields;
  return {
    model,
    task,
    tools: open.tools,
    caller,
    budget: new AgentBudget({ rounds: rounds ?? ROUNDS_DEFAULT, tokens: tokens ?? TOKENS_DEFAULT }),
    instruction: instruction?.trim() ?? "",
    messages: messagesOf(fields, task),
    params: params ?? {},
    rounds: [],
  };
}

/**
 * What was said before, and then the question: the prompt, a blank line, the input. Without either, `messages` end with
 * the question themselves.
 */
function messagesOf({ messages, prompt, input }: Config, task: NodeTask): readonly Message[] {
  // The parts of a message are the model's business; it refuses what it cannot read.
  const before = (messages ?? []) as readonly Message[];
  if (before.length > 0 && prompt === undefined && input === undefined) return before;
  const given = prompt !== undefined && input === undefined ? "" : textOf(task.input());
  const question = [textOf(prompt), given].filter((text) => text !== "").join("\n\n");
  return [...before, { role: "user", content: question }];
}

async function answerOf(session: AgentSession, { strategy, schema, details }: Config) {
  const answer = await STRATEGIES[strategy ?? "function_calling"](session);
  const final = schema ? await structured(session, answer, schema) : { object: null, text: answer.text };
  const output: Json = schema ? final.object : final.text;
  const { usage } = session.budget;
  if (details !== true) return completed(output, { usage });
  return completed({ text: final.text, output, steps: session.rounds, usage }, { usage });
}

function referenceOf(written: z.output<typeof reference>): ToolReference {
  if (typeof written === "string") return { tool: written };
  const { tool, name, description, arguments: fixed } = written;
  return {
    tool,
    ...(name ? { name } : {}),
    ...(description ? { description } : {}),
    ...(fixed ? { arguments: fixed } : {}),
  };
}

/** Why a tool that is written out cannot be had; names that are computed are known when the step runs. */
export function toolProblem(box: Toolbox, tools: Json): string | null {
  for (const one of Array.isArray(tools) ? (tools as readonly Json[]) : [tools]) {
    const name = isJsonObject(one) ? one["tool"] : one;
    if (typeof name !== "string" || /\{[{%]/.test(name)) continue;
    const problem = box.problem(name);
    if (problem !== null) return problem;
  }
  return null;
}
