import type { DispatchTask, JsonObject, RunEvent } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import type { PieceType, StreamPiece } from "../streamlog/streamlog.ts";
import type { Clock } from "./clock.ts";
import type { HotRun } from "./hot-run.ts";
import type { RunNotice } from "./owner.ts";
import type { StreamBuffer } from "./stream-buffer.ts";

/** Characters that are kept of what steps say. What is beyond is told nobody, and that it was cut off is. */
export interface StreamLimits {
  readonly attemptChars: number;
  readonly runChars: number;
}

export const STREAM_LIMITS: StreamLimits = { attemptChars: 4_000_000, runChars: 64_000_000 };

/** Text of a step is told at most this often, and as soon as this much of it has come. */
const TELL_MS = 50;
const TELL_CHARS = 4096;
/** Characters of one piece of text, and of one log line, at most. */
const PIECE_CHARS_MAX = 65_536;
/** What a log line counts beside its text. */
const LOG_CHARS = 100;
/** Characters kept for those who poll a task. */
const PARTIAL_CHARS_MAX = 1_000_000;

export interface StepStreamsOptions {
  readonly buffer: StreamBuffer;
  readonly live: Live<RunNotice>;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  /** Told of text when it is told to those who watch. */
  readonly said?: (run: HotRun, command: DispatchTask, text: string) => void;
  /** What a step said before does not become its result. */
  readonly superseded?: (run: HotRun, command: DispatchTask) => void;
  readonly problem: (message: string, run: HotRun, error: unknown) => void;
}

/** One attempt that said something. */
interface StepStream {
  readonly command: DispatchTask;
  /** Characters told so far: where the next piece of text begins. */
  offset: number;
  /** The same of what the step's model thought aloud. */
  thought: number;
  chars: number;
  held: string;
  holds: "text_delta" | "reasoning_delta";
  toldAt: number;
  cancel: (() => void) | null;
  cut: boolean;
  partial: string;
}

interface RunStream {
  readonly run: HotRun;
  readonly steps: Map<string, StepStream>;
  chars: number;
}

/**
 * What the steps of the runs held here say: put together to pieces, given a place in the run's stream, told to those
 * who watch, and handed to the stream log. A run whose steps say nothing costs one look into an empty map a row.
 *
 * S1. A piece stands behind the last row that was sent when it came, so it stands before the row with its step's result.
 * S2. When a row is sent, everything said before has its place.
 * S3. Text that will not become the result is marked as superseded before other text of the same step comes.
 */
export class StepStreams {
  private readonly options: StepStreamsOptions;
  private readonly runs = new Map<number, RunStream>();
  /** Runs taken over, until it is known what their steps had said before; and what they say meanwhile. */
  private readonly unknown = new Map<number, { readonly run: HotRun; readonly held: (() => void)[] }>();
  private asking = false;
  private count = 0;

  constructor(options: StepStreamsOptions) {
    this.options = options;
  }

  emit(run: HotRun, command: DispatchTask, part: TaskPart): void {
    const waiting = this.unknown.get(run.key);
    if (waiting) waiting.held.push(() => this.take(run, command, part));
    else this.take(run, command, part);
  }

  /** The open row of a run is about to be sent. */
  rowSending(run: HotRun): void {
    if (this.unknown.size > 0) this.settleUnknown(run.key);
    const stream = this.runs.size > 0 ? this.runs.get(run.key) : undefined;
    if (!stream) return;
    for (const step of stream.steps.values()) this.tellHeld(stream, step);
    for (const { events } of run.open.decisions) for (const event of events) this.happened(stream, event);
  }

  /** A run was taken over with tasks that may have said something to an earlier owner. */
  adopted(run: HotRun): void {
    for (const command of run.state.owed.values()) {
      if (command.type !== "dispatch_task") continue;
      this.unknown.set(run.key, { run, held: [] });
      if (!this.asking) this.options.clock.soon(() => void this.ask());
      this.asking = true;
      return;
    }
  }

  /** The run is no longer held here. What was not told yet belongs to attempts that nobody waits for. */
  left(run: HotRun): void {
    this.unknown.delete(run.key);
    const stream = this.runs.get(run.key);
    if (!stream) return;
    this.runs.delete(run.key);
    for (const { cancel } of stream.steps.values()) cancel?.();
  }

  /** Pieces of runs could not be kept: whoever reads them later is told. */
  lost(runKeys: ReadonlySet<number>): void {
    for (const runKey of runKeys) {
      const stream = this.runs.get(runKey);
      if (!stream) continue;
      for (const step of stream.steps.values())
        this.tell(stream, step, "stream_truncated", { reason: "not_kept", offset: step.offset });
    }
  }

  /** Text so far of the steps that stream, by step. */
  partials(run: HotRun): ReadonlyMap<string, string> {
    const texts = new Map<string, string>();
    for (const { command, partial } of this.runs.get(run.key)?.steps.values() ?? [])
      if (partial !== "") texts.set(command.node, partial);
    return texts;
  }

  private take(run: HotRun, command: DispatchTask, part: TaskPart): void {
    if (run.gone) return;
    const stream = this.streamOf(run);
    const step = this.stepOf(stream, command);
    if (step.cut || (part.type !== "log" && part.text === "")) return;
    const chars = part.type === "log" ? part.message.length + LOG_CHARS : part.text.length;
    if (this.isOver(stream, step, chars)) return;
    step.chars += chars;
    stream.chars += chars;
    if (part.type === "log") {
      this.tellHeld(stream, step);
      const cut = part.message.length > PIECE_CHARS_MAX ? { truncated: true } : {};
      this.tell(stream, step, "log", {
        level: part.level,
        message: part.message.slice(0, PIECE_CHARS_MAX),
        ...cut,
      });
      return;
    }
    // One kind is held at a time: what was said of the other comes before it.
    if (step.holds !== part.type) this.tellHeld(stream, step);
    step.holds = part.type;
    step.held += part.text;
    if (part.type === "text_delta" && step.partial.length < PARTIAL_CHARS_MAX) step.partial += part.text;
    const waited = this.options.clock.monotonic() - step.toldAt;
    if (step.held.length >= TELL_CHARS || waited >= TELL_MS) this.tellHeld(stream, step);
    else step.cancel ??= this.options.clock.after(TELL_MS - waited, () => this.tellHeld(stream, step));
  }

  private isOver(stream: RunStream, step: StepStream, chars: number): boolean {
    const { attemptChars, runChars } = this.options.limits;
    const limit = step.chars + chars > attemptChars ? attemptChars : stream.chars + chars > runChars ? runChars : null;
    if (limit === null) return false;
    this.tellHeld(stream, step);
    step.cut = true;
    const reason = limit === attemptChars ? "attempt_limit" : "run_limit";
    this.tell(stream, step, "stream_truncated", { reason, limit, offset: step.offset });
    return true;
  }

  private happened(stream: RunStream, event: RunEvent): void {
    switch (event.type) {
      case "task_retried":
      case "task_parked": {
        const reason = event.type === "task_retried" ? "retried" : "parked";
        return this.supersede(stream, `${event.scope}/${event.node}`, stream.run.nextSeq, reason);
      }
      case "task_completed":
      case "task_failed":
        // The root's are few, and asked for by those who poll; a list of many items would fill the memory.
        if (event.scope !== "root") stream.steps.delete(`${event.scope}/${event.node}`);
        return undefined;
      default:
        return undefined;
    }
  }

  private streamOf(run: HotRun): RunStream {
    let stream = this.runs.get(run.key);
    if (!stream) this.runs.set(run.key, (stream = { run, steps: new Map(), chars: 0 }));
    return stream;
  }

  /** The stream of an attempt. One that is done again is another command, even where its number is the same. */
  private stepOf(stream: RunStream, command: DispatchTask): StepStream {
    const key = `${command.scope}/${command.node}`;
    const before = stream.steps.get(key);
    if (before?.command === command) return before;
    if (before) this.supersede(stream, key, stream.run.nextSeq - 1, "repeated");
    const step: StepStream = {
      command,
      offset: 0,
      chars: 0,
      held: "",
      holds: "text_delta",
      thought: 0,
      toldAt: -Infinity,
      cancel: null,
      cut: false,
      partial: "",
    };
    stream.steps.set(key, step);
    return step;
  }

  private supersede(stream: RunStream, key: string, row: number, reason: string): void {
    const step = stream.steps.get(key);
    if (!step) return;
    this.tellHeld(stream, step);
    stream.steps.delete(key);
    if (step.offset > 0 || step.thought > 0) this.tell(stream, step, "attempt_superseded", { reason }, row);
    if (step.offset > 0) this.options.superseded?.(stream.run, step.command);
  }

  private tellHeld(stream: RunStream, step: StepStream): void {
    step.cancel?.();
    step.cancel = null;
    if (step.held === "") return;
    step.toldAt = this.options.clock.monotonic();
    while (step.held !== "") {
      const text = step.held.slice(0, PIECE_CHARS_MAX);
      step.held = step.held.slice(text.length);
      const isText = step.holds === "text_delta";
      this.tell(stream, step, step.holds, { offset: isText ? step.offset : step.thought, text });
      if (isText) step.offset += text.length;
      else step.thought += text.length;
      if (isText) this.options.said?.(stream.run, step.command, text);
    }
  }

  private tell(
    { run }: RunStream,
    { command: { scope, node, attempt } }: Pick<StepStream, "command">,
    type: PieceType,
    data: JsonObject,
    row = run.nextSeq - 1,
  ): void {
    this.tellPiece(run, { scope, node, attempt, type, data, row });
  }

  /** Gives a piece its place in the run's stream. */
  tellPiece(run: HotRun, said: Pick<StreamPiece, "scope" | "node" | "attempt" | "type" | "data" | "row">): void {
    this.count += 1;
    const place = { runKey: run.key, epoch: run.epoch, number: this.count };
    const piece: StreamPiece = { ...said, ...place, at: this.options.clock.now() };
    this.options.buffer.append(piece);
    this.options.live.publish(String(run.key), { type: "piece", piece, after: run.said });
    run.said = this.count;
  }

  /** Asks at once for all runs that were taken over in this turn. */
  private async ask(): Promise<void> {
    this.asking = false;
    const asked = new Map(this.unknown);
    try {
      const standing = await this.options.buffer.standing([...asked.keys()]);
      for (const { runKey, scope, node, attempt } of standing) {
        const { run } = asked.get(runKey)!;
        if (this.unknown.get(runKey)?.run !== run || !isOwed(run, scope, node)) continue;
        const row = run.nextSeq - 1;
        this.tellPiece(run, { scope, node, attempt, row, type: "attempt_superseded", data: { reason: "taken_over" } });
      }
    } catch (error) {
      // Text that begins again says so itself: its offset is 0.
      for (const { run } of asked.values()) this.options.problem("the stream log does not answer", run, error);
    }
    for (const [runKey, { run }] of asked) if (this.unknown.get(runKey)?.run === run) this.settleUnknown(runKey);
  }

  /** What was held back is told, for nothing may come behind the row with its step's result (S1). */
  private settleUnknown(runKey: number): void {
    const waiting = this.unknown.get(runKey);
    this.unknown.delete(runKey);
    if (waiting) for (const tell of waiting.held) tell();
  }
}

function isOwed(run: HotRun, scope: string, node: string): boolean {
  for (const command of run.state.owed.values())
    if (command.type === "dispatch_task" && command.scope === scope && command.node === node) return true;
  return false;
}
