import { AppError, Payload, encodeMembers, type EncodedPayload, type Input } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import type { Owner } from "./owner.ts";

const FORMAT_VERSION = "1";
/**
 * Of results of tasks, which came later. A version that does not know them would take one for something else; so it
 * refuses the text, leaves it where it is, and does the task itself.
 */
const RESULT_FORMAT_VERSION = "2";

/** An input as the text of an inbox row. */
export function encodeInput(input: Input): string {
  if (input.type !== "task_reported") return FORMAT_VERSION + encodeMembers(input);
  const { outcome } = input;
  return RESULT_FORMAT_VERSION + encodeMembers({ ...input, outcome: { encode: () => encodeMembers(outcome) } });
}

/** The reverse. Throws on text that this version cannot read. */
export function decodeInput(text: string): Input {
  if (text[0] !== FORMAT_VERSION && text[0] !== RESULT_FORMAT_VERSION)
    throw new Error(`unknown format version ${JSON.stringify(text[0] ?? "")}`);
  const data = JSON.parse(text.slice(1)) as Input & { payload?: EncodedPayload; outcome?: { output: EncodedPayload } };
  if (data.type === "signal_received") return { ...data, payload: Payload.decode(data.payload as EncodedPayload) };
  if (data.type !== "task_reported" || data.outcome.type !== "completed") return data;
  return { ...data, outcome: { ...data.outcome, output: Payload.decode(data.outcome.output as EncodedPayload) } };
}

export interface InboxOptions {
  readonly journal: Journal;
  readonly owner: Owner;
  readonly tenant: string;
  /** Something was offered: look for it now. */
  readonly poke: () => void;
}

/**
 * The one door into a run. APIs, timers, webhooks, workers and batches all knock here; whether the run is held by this
 * process, by another one or by nobody is not their concern. Durable when it resolves.
 */
export class Inbox {
  private readonly options: InboxOptions;

  constructor(options: InboxOptions) {
    this.options = options;
  }

  /** `inputId` makes a repeat harmless. Throws `RUN_NOT_FOUND`, or `RUN_FINISHED` for a run that takes nothing more. */
  async submit(runId: string, input: Input, inputId: string): Promise<void> {
    const { journal, owner, tenant, poke } = this.options;
    // What an owner has taken in cannot be taken back: where nothing can be recorded now it is not taken.
    const room = journal.admit?.() ?? null;
    if (room !== null) await room;
    const run = owner.find(tenant, runId);
    if (run) {
      try {
        await owner.submit(run, input);
        return;
      } catch (error) {
        // The run left this process while the input was on its way: the journal will know who has it.
        if (!(error instanceof AppError) || error.code !== "LEASE_LOST") throw error;
      }
    }
    const [result] = await journal.offer([{ tenant, runId, inputId, body: encodeInput(input) }]);
    if (result === "not_found") throw new AppError("RUN_NOT_FOUND", { run: runId });
    if (result === "finished") {
      const head = await journal.head(tenant, runId);
      throw new AppError("RUN_FINISHED", { run: runId, status: head?.status ?? "ended" });
    }
    poke();
  }
}
