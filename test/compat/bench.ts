import { AsyncLocalStorage } from "node:async_hooks";
import { AppError, type Json, type JsonObject } from "@weftwork/core";
import type { Run, RunMessage } from "@weftwork/sdk";
import { compose, type Composition } from "../../packages/server/src/compose.ts";
import type { Catalog } from "../../packages/server/src/gateway/catalog.ts";
import type { Model, ModelRequest } from "../../packages/server/src/gateway/model.ts";
import type { NodeExecutor, NodeTask, Outcome } from "../../packages/server/src/nodes/node.ts";
import { systemClock } from "../../packages/server/src/runtime/clock.ts";

/** What stands in the place of the world while a file runs. Steps go by the ids of their nodes. */
export interface Script {
  /** What a model says to a node: its words, or an error. Left out: `Mocked LLM response`. */
  readonly says?: Readonly<Record<string, string | AppError | ((request: ModelRequest) => string)>>;
  /** Outputs of nodes that would reach something outside, or how they fail. */
  readonly gives?: Readonly<
    Record<string, JsonObject | AppError | ((task: NodeTask, call: number) => JsonObject | AppError)>
  >;
}

export interface Told {
  readonly run: Run;
  /** Pieces of the answer as `text`, ends of nodes as `+id`, in the order in which they were told. */
  readonly lines: readonly string[];
  readonly messages: readonly RunMessage[];
  /** What nodes were asked to do, by id. */
  readonly calls: ReadonlyMap<string, readonly JsonObject[]>;
}

/** Types of steps that reach outside. What a script does not answer gets the plain outputs of its type. */
const OUTSIDE: Readonly<Record<string, JsonObject>> = {
  http: { status_code: 200, body: "{}", headers: {}, files: [] },
  tool: { text: "tool result", files: [], json: [{ data: [] }] },
  agent: { text: "Mocked agent response", files: [], json: [], usage: {} },
  retrieval: { result: [] },
};
const DEFAULT_TEXT = "Mocked LLM response";

/** A whole Weftwork with real code, templates, lists and documents; its models and what reaches outside are scripted. */
export async function compatBench(options: { readonly realHttp?: readonly string[] } = {}): Promise<CompatBench> {
  const bench = new CompatBench();
  bench.composition = await compose({
    store: "memory",
    nodes: [],
    pools: {},
    httpAllow: options.realHttp ?? [],
    retentionMs: null,
    models: null,
    defaultModel: null,
    discover: false,
    tenant: "default",
    name: "compat",
    problem: (message, run, error) => void bench.problems.push(`${run}: ${message}: ${String(error)}`),
    rehearsal: {
      clock: systemClock,
      models: () => bench.models(),
      executors: (executors) => executors.map((executor) => bench.scripted(executor, options.realHttp !== undefined)),
    },
  });
  return bench;
}

export class CompatBench {
  composition!: Composition;
  readonly problems: string[] = [];
  private script: Script = {};
  private calls = new Map<string, JsonObject[]>();
  private readonly asking = new AsyncLocalStorage<string>();

  /** Publishes a file and runs it to its end, or until it waits for people. */
  async run(source: string, inputs: JsonObject, script: Script = {}): Promise<Told> {
    this.script = script;
    this.calls = new Map();
    const { workflows, runs } = this.composition.engine;
    const { name, version } = await workflows.publish(source);
    const { run } = await runs.start({ workflow: name, version, inputs });
    const lines: string[] = [];
    const messages: RunMessage[] = [];
    for await (const batch of runs.stream(run.id)) {
      for (const message of batch) {
        messages.push(message);
        if (message.event === "answer_delta") lines.push(String(message.data["text"]));
        if (message.event === "task_completed") lines.push(`+${String(message.data["node"])}`);
      }
      if ((await runs.get(run.id))?.dify?.status === "paused") break;
    }
    return { run: (await runs.get(run.id))!, lines, messages, calls: this.calls };
  }

  async close(): Promise<void> {
    await this.composition.close(0);
  }

  /** Every name is one model, which says what the script has for the node that asks. */
  models(): Catalog<Model> {
    return { get: (name = "scripted") => this.model(name), list: () => [] };
  }

  scripted(executor: NodeExecutor, isHttpReal: boolean): NodeExecutor {
    const plain = OUTSIDE[executor.type];
    const isReal = plain === undefined || (executor.type === "http" && isHttpReal);
    const execute = (task: NodeTask): Outcome | Promise<Outcome> => {
      this.note(task);
      if (isReal) return this.asking.run(task.node, () => executor.execute(task));
      const given = this.script.gives?.[task.node] ?? plain;
      const output = typeof given === "function" ? given(task, this.calls.get(task.node)!.length) : given;
      if (!(output instanceof AppError)) return { type: "completed", output };
      const { code, message, retryable, details } = output;
      return { type: "failed", failure: { code, message, retryable, details } };
    };
    // What is scripted is there, whatever is set up.
    const { unavailable: _unavailable, needs: _needs, ...rest } = executor;
    return isReal ? { ...executor, execute } : { ...rest, execute };
  }

  private note({ node, config }: NodeTask): void {
    this.calls.set(node, [...(this.calls.get(node) ?? []), config]);
  }

  private model(id: string): Model {
    const answer = (request: ModelRequest): string => {
      const said = this.script.says?.[this.asking.getStore() ?? ""] ?? DEFAULT_TEXT;
      if (said instanceof AppError) throw said;
      return typeof said === "function" ? said(request) : said;
    };
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    const ended = { usage, finishReason: "stop", fingerprint: "scripted" } as const;
    return {
      id,
      provider: "scripted",
      generate: (request) => Promise.resolve({ text: answer(request), ...ended }),
      async *stream(request) {
        const text = answer(request);
        yield { type: "text_start" };
        for (const word of words(text)) yield { type: "text_delta", text: word };
        yield { type: "text_end" };
        yield { type: "finish", ...ended };
      },
    };
  }
}

/** Word by word, each with the blank behind it. */
export function words(text: string): readonly string[] {
  return text.match(/\S*\s|\S+$/g) ?? [];
}

/** Both together, as a caller reads them: ends of nodes between texts, texts put together. */
export function textOf(lines: readonly string[]): string {
  return lines.filter((line) => !line.startsWith("+")).join("");
}

export function answered(answer: string): Json {
  return { answer, files: [] };
}
