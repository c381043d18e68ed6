import {
  AppError,
  bodyOf,
  decodeRow,
  FORMAT_VERSION,
  Payload,
  payloadsOf,
  type Json,
  type JsonObject,
  type RunEvent,
} from "@weftwork/core";
import { EXPORT_FORMAT, type ExportedStep, type ExportedWorkflow, type Run } from "@weftwork/sdk";
import type { Journal, RunHead, RunRecord } from "../journal/journal.ts";
import type { Payloads } from "./payloads.ts";
import { readHistory } from "./run-history.ts";
import { runView } from "./view.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";

/** Bytes of stored values that one document holds: what a reader can hold as one text. */
export const EXPORT_BYTES_MAX = 256 * 1024 * 1024;
/** Values up to this size stand with their step; larger ones are named by their hash. */
const READABLE_BYTES_MAX = 64 * 1024;
const PAGE = 500;
const CHUNK_CHARS = 64 * 1024;

export interface ExportOptions {
  readonly journal: Journal;
  readonly payloads: Payloads;
  readonly workflows: Workflows;
  readonly tenant: string;
}

/**
 * The run as one document (`RunExport`), in pieces of text as they are read. Everything that can be refused is refused
 * before the first piece. A run that is still open is exported as it stands: rows that come later are not in it.
 *
 * The same record gives the same text: nothing depends on the time or the process, and maps are in the order of their
 * keys. There is no secret in it, for none is ever recorded.
 */
export async function exportRun(options: ExportOptions, head: RunHead): Promise<AsyncIterable<string>> {
  const writer = new Writer(options, head);
  await writer.prepare();
  return inChunks(writer.text());
}

class Writer {
  private readonly options: ExportOptions;
  private readonly head: RunHead;
  /** Sizes of stored values by hash. */
  private readonly stored = new Map<string, number>();
  private plans!: PreparedPlan;
  private run!: Run;
  private last = 0;
  private bytes = 0;

  constructor(options: ExportOptions, head: RunHead) {
    this.options = options;
    this.head = head;
  }

  async prepare(): Promise<void> {
    const { journal, workflows, payloads, tenant } = this.options;
    const plansOf = async ({ hash, pins }: { hash: string; pins: PreparedPlan["pins"] }): Promise<PreparedPlan> =>
      (this.plans = await workflows.pinned(hash, pins));
    const { state } = await readHistory({ journal, plansOf, scope: "root" }, this.head.runKey);
    this.last = state.seq;
    const { inputs } = state.created!;
    await payloads.load(tenant, state.output ? [inputs, state.output] : [inputs]);
    const output = state.output?.value ?? null;
    this.run = runView({ state, inputs: inputs.value as JsonObject, output, unserved: new Map() });
    for await (const rows of this.pages())
      for (const event of eventsOf(rows)) for (const payload of payloadsOf(event)) await this.collect(payload);
  }

  async *text(): AsyncGenerator<string> {
    yield `{"format":${JSON.stringify(EXPORT_FORMAT)},\n"run":${JSON.stringify(this.run)},\n`;
    yield `"workflow":${JSON.stringify(await this.workflow())},\n"steps":[`;
    yield* listed(this.steps());
    yield '],\n"payloads":{';
    yield* listed(this.values());
    yield '},\n"rows":[';
    yield* listed(this.rows());
    yield "]}\n";
  }

  private async workflow(): Promise<JsonObject> {
    const { plan, pins, nested } = this.plans;
    const called: Record<string, Json> = {};
    for (const key of Object.keys(pins).toSorted()) called[key] = { ...(await this.version(pins[key]!)) };
    const own = this.options.workflows.ownTypes();
    const types = [plan, ...nested.values()].flatMap(({ bodies }) =>
      bodies.flatMap(({ nodes }) => nodes.map(({ type }) => type)),
    );
    const used = [...new Set(types)].toSorted().filter((type) => own.has(type));
    const ownTypes = Object.fromEntries(used.map((type) => [type, own.get(type)!]));
    return { ...(await this.version(plan.hash)), nested: called, own_types: ownTypes };
  }

  private async version(hash: string): Promise<ExportedWorkflow> {
    const { name, version, source } = await this.options.workflows.source(hash);
    return { name, version, hash, source };
  }

  private async *steps(): AsyncGenerator<string> {
    for await (const rows of this.pages()) {
      for (const event of eventsOf(rows)) {
        const step = await this.step(event);
        if (step) yield JSON.stringify(step);
      }
    }
  }

  private async step(event: RunEvent): Promise<ExportedStep | null> {
    const common = { usage: null, error: null, output: null, attempt: null };
    switch (event.type) {
      case "task_completed": {
        const { attempt = 1, usage = null } = event;
        return {
          ...this.place(event),
          ...common,
          status: "succeeded",
          attempt,
          usage,
          output: await this.shown(event.output),
        };
      }
      case "task_failed": {
        const error = { ...event.failure } as JsonObject;
        return {
          ...this.place(event),
          ...common,
          status: "failed",
          attempt: event.attempt,
          usage: event.usage ?? null,
          error,
        };
      }
      case "task_skipped":
        return { ...this.place(event), ...common, status: "skipped" };
      case "task_copied": {
        const status = event.skipped ? "skipped" : event.failure ? "failed" : "succeeded";
        const error = event.failure ? ({ ...event.failure } as JsonObject) : null;
        return { ...this.place(event), ...common, status, error, output: await this.shown(event.output) };
      }
      default:
        return null;
    }
  }

  private place({ scope, node }: { scope: string; node: string }): { scope: string; id: string; type: string } {
    return { scope, id: node, type: bodyOf(this.plans, scope)?.byId.get(node)?.type ?? "unknown" };
  }

  private async shown(payload: Payload): Promise<ExportedStep["output"]> {
    if (payload.size > READABLE_BYTES_MAX && payload.reference)
      return { payload: payload.reference.hash, size: payload.reference.size };
    await this.options.payloads.load(this.options.tenant, [payload]);
    return payload.value;
  }

  private async *values(): AsyncGenerator<string> {
    for (const hash of [...this.stored.keys()].toSorted())
      yield `${JSON.stringify(hash)}:${JSON.stringify(await this.textOf(hash))}`;
  }

  private async *rows(): AsyncGenerator<string> {
    for await (const rows of this.pages()) {
      for (const { seq, body } of rows) {
        const [format, decisions] = [body.slice(0, FORMAT_VERSION.length), body.slice(FORMAT_VERSION.length)];
        // The text of the row itself: what is parsed and written again may differ in numbers.
        yield `\n{"seq":${seq},"format":${JSON.stringify(format)},"decisions":${decisions}}`;
      }
    }
  }

  /** The rows up to those that the run was read with. */
  private async *pages(): AsyncGenerator<RunRecord["rows"]> {
    for (let afterSeq = 0; afterSeq < this.last;) {
      const limit = Math.min(PAGE, this.last - afterSeq);
      const { rows } = await this.options.journal.read(this.head.runKey, { snapshot: false, afterSeq, limit });
      if (rows.length === 0) throw new AppError("RUN_NOT_FOUND", { run: this.head.id });
      yield rows;
      afterSeq = rows.at(-1)!.seq;
    }
  }

  /** Notes a stored value, and those that a stored list consists of. */
  private async collect(payload: Payload): Promise<void> {
    const { reference } = payload;
    if (!reference || this.stored.has(reference.hash)) return;
    this.stored.set(reference.hash, reference.size);
    this.bytes += reference.size;
    if (this.bytes > EXPORT_BYTES_MAX)
      throw new AppError("EXPORT_TOO_LARGE", { run: this.head.id, size: this.bytes, limit: EXPORT_BYTES_MAX });
    if (!payload.encode().startsWith('{"index"')) return;
    payload.load(await this.textOf(reference.hash));
    for (const piece of payload.pieces()) if (piece !== payload) await this.collect(piece);
  }

  private async textOf(hash: string): Promise<string> {
    const payload = Payload.ofStored(hash, this.stored.get(hash)!);
    await this.options.payloads.load(this.options.tenant, [payload]);
    return payload.text;
  }
}

function eventsOf(rows: RunRecord["rows"]): readonly RunEvent[] {
  return rows.flatMap(({ body }) => decodeRow(body).flatMap(({ events }) => events));
}

async function* listed(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let separator = "\n";
  for await (const text of texts) {
    yield separator + text;
    separator = ",\n";
  }
}

/** Small pieces put together, so that a socket is written to in proper portions. */
async function* inChunks(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = "";
  for await (const text of texts) {
    chunk += text;
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}
