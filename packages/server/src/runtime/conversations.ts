import {
  AppError,
  difyFile,
  failureOf,
  isFileId,
  storedFile,
  storedId,
  type FileValue,
  type JsonObject,
  type Plan,
} from "@weftwork/core";
import type {
  Conversation,
  ConversationFilter,
  ConversationMessage,
  NewConversation,
  NewMessage,
  Page,
} from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import type { ConversationStore, Message, MessageEnd, Settled } from "../conversations/conversations.ts";
import type { Clock } from "./clock.ts";
import { conversationCursor, conversationView, messageView, readConversationCursor } from "./conversation-view.ts";
import type { HotRun } from "./hot-run.ts";
import { messageEnd, type MessageEndOptions } from "./message-end.ts";
import type { Runs } from "./runs.ts";

export interface ConversationsOptions extends MessageEndOptions {
  readonly store: ConversationStore;
  readonly runs: Runs;
  /** A file of the store; null when there is none. */
  readonly file: (id: string) => Promise<FileValue | null>;
  readonly clock: Clock;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

const PAGE_DEFAULT = 50;
/** Kept at the run, so that its end is known to concern a conversation. */
const METADATA = "conversation_id";

/**
 * Conversations with chat apps: one run answers one message.
 *
 * CR1. A message is recorded before its run begins, with the id that the run will have: a crash between the two is found
 *      at the next start, and the run begins then.
 * CR2. What a run leaves to its conversation is taken from its journal when it has ended, by whichever process recorded
 *      the end; or, where that died, at the next start or the next look at the conversation.
 */
export class Conversations {
  private readonly options: ConversationsOptions;
  private readonly work = new Set<Promise<unknown>>();
  /** Where a store is only read nothing is recorded. */
  private isStarted = false;

  constructor(options: ConversationsOptions) {
    this.options = options;
  }

  /** Looks after the messages that an earlier process left. */
  start(): void {
    this.isStarted = true;
    this.track("", this.recover());
  }

  /** Resolves when nothing is being recorded. */
  async close(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }

  /**
   * Begins a conversation. One that is there already under the id is returned as it is. Throws `WORKFLOW_NOT_FOUND`, and
   * `NO_CHAT` for what is no chat app.
   */
  async create({ workflow, id, user, name }: NewConversation): Promise<Conversation> {
    const { store, clock, tenant } = this.options;
    const plan = await this.chatOf(workflow);
    const start = Object.entries(plan.workflow.dify!.conversation);
    const now = clock.now();
    const made = {
      tenant,
      id: id ?? `conv_${uuid()}`,
      app: workflow,
      user: plain(user ?? null),
      name: plain(name ?? null),
      variables: Object.fromEntries(start.map(([variable, { value }]) => [variable, value])),
      activeRun: null,
      createdAt: now,
      updatedAt: now,
    };
    const there = await store.create(made);
    if (there.app === workflow) return conversationView(there);
    throw new AppError("INVALID_REQUEST", { reason: `the conversation ${made.id} is one with ${there.app}` });
  }

  /** Null when there is none. */
  async find(id: string): Promise<Conversation | null> {
    const { store, tenant } = this.options;
    const found = await store.find(tenant, id);
    if (found === null || found.activeRun === null) return found && conversationView(found);
    await this.lookAfter(found.activeRun);
    const now = await store.find(tenant, id);
    return now && conversationView(now);
  }

  /** A page of conversations, those touched last first. */
  async list({ workflow, user, limit = PAGE_DEFAULT, cursor }: ConversationFilter = {}): Promise<Page<Conversation>> {
    const found = await this.options.store.list(this.options.tenant, {
      limit: limit + 1,
      ...(workflow === undefined ? {} : { app: workflow }),
      ...(user === undefined ? {} : { user }),
      ...(cursor === undefined ? {} : { behind: readConversationCursor(cursor) }),
    });
    const page = found.slice(0, limit);
    const more = found.length > limit;
    return { data: page.map(conversationView), next_cursor: more ? conversationCursor(page.at(-1)!) : null };
  }

  /** A page of the messages of a conversation, oldest first. Throws `CONVERSATION_NOT_FOUND`. */
  async messages(
    id: string,
    { limit = PAGE_DEFAULT, cursor }: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<Page<ConversationMessage>> {
    const { store, tenant } = this.options;
    if ((await this.find(id)) === null) throw notFound(id);
    if (cursor !== undefined && !/^\d{1,9}$/.test(cursor))
      throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave; begin without one" });
    const found = await store.messages(tenant, id, { behind: Number(cursor ?? 0), limit: limit + 1 });
    const page = found.slice(0, limit);
    return { data: page.map(messageView), next_cursor: found.length > limit ? String(page.at(-1)!.position) : null };
  }

  /** One message of a conversation; null when there is none. */
  async message(id: string, message: string): Promise<ConversationMessage | null> {
    if ((await this.find(id)) === null) return null;
    const found = await this.options.store.message(this.options.tenant, id, message);
    return found && messageView(found);
  }

  /**
   * Says something in a conversation; the message that is returned names the run that answers. It is durable then.
   * Throws `CONVERSATION_NOT_FOUND`, `CONVERSATION_BUSY`, `FILE_NOT_FOUND`, and whatever keeps the run from beginning.
   */
  async send(id: string, given: NewMessage): Promise<ConversationMessage> {
    const { store, clock, tenant } = this.options;
    const found = await this.find(id);
    if (found === null) throw notFound(id);
    await this.chatOf(found.workflow);
    const files = await Promise.all((given.files ?? []).map((file) => this.fileOf(file)));
    const run = `run_${uuid()}`;
    const message = await store.add(
      {
        tenant,
        id: given.id ?? `msg_${uuid()}`,
        conversation: id,
        run,
        query: plain(given.query),
        inputs: given.inputs ?? {},
        files,
        user: plain(given.user ?? found.user),
        createdAt: clock.now(),
      },
      { mayWait: given.queue ?? false },
    );
    // One that was sent before has its run, or is looked after by whoever took it.
    if (message.run !== run || message.status !== "running") return messageView(message);
    try {
      await this.begin(message, false);
    } catch (error) {
      // Whether it has begun all the same is not known where the store did not answer: then it is looked after later.
      const begun = await this.options.runs.get(run).catch(() => undefined);
      if (begun === null) this.goOn(await store.withdraw(tenant, run));
      if (!begun) throw error;
    }
    return messageView(message);
  }

  /** Removes a conversation with its messages, and cancels the run that answers. Throws `CONVERSATION_NOT_FOUND`. */
  async remove(id: string): Promise<void> {
    const { store, tenant, runs } = this.options;
    const found = await store.find(tenant, id);
    if (found === null || !(await store.remove(tenant, id))) throw notFound(id);
    if (found.activeRun === null || (await runs.get(found.activeRun)) === null) return;
    await runs.cancel(found.activeRun, "its conversation was removed");
  }

  /** The run is no longer held here. */
  left({ id, endRecorded, state }: HotRun): void {
    if (endRecorded && state.created?.metadata[METADATA] !== undefined) this.track(id, this.settle(id));
  }

  private async chatOf(workflow: string): Promise<Plan> {
    const { plan } = await this.options.workflows.prepare(workflow, null);
    if (plan.workflow.dify?.mode === "advanced-chat") return plan;
    throw new AppError("NO_CHAT", { workflow, reason: "it was not imported from a chatflow" });
  }

  /** `accepted`: its sender was told before that it will be answered. */
  private async begin(message: Message, accepted: boolean): Promise<void> {
    const { store, runs, tenant } = this.options;
    const held = await store.find(tenant, message.conversation);
    if (held === null) throw notFound(message.conversation);
    const variables = Object.entries(held.variables).map(([name, value]) => [`conversation.${name}`, value] as const);
    const inputs: JsonObject = {
      // What the system says of a message is not its sender's to say.
      ...Object.fromEntries(Object.entries(message.inputs).filter(([name]) => !/^(?:sys|conversation)\./.test(name))),
      ...Object.fromEntries(variables),
      "sys.query": message.query,
      "sys.files": message.files,
      "sys.conversation_id": message.conversation,
      "sys.dialogue_count": message.position,
      "sys.user_id": message.user ?? "",
    };
    const metadata = { [METADATA]: message.conversation, message_id: message.id };
    const submission = { id: message.run, workflow: held.app, inputs, metadata };
    await runs.start(accepted ? { ...submission, accepted } : submission);
  }

  /** Records the end of a run, once, and begins the run of the message behind. */
  private async settle(run: string): Promise<void> {
    const { store, tenant } = this.options;
    // A rerun has the metadata of the run before it, and answers nothing.
    if ((await store.byRun(tenant, run))?.status !== "running") return;
    const end = await messageEnd(this.options, run).catch((error: unknown) => this.unreadable(error));
    if (end === null) return;
    this.goOn(await store.settle(tenant, run, { ...end, answer: plain(end.answer) }));
  }

  private goOn({ next }: Settled): void {
    if (next !== null) this.track(next.run, this.beginOrFail(next));
  }

  /** For a message whose sender has his answer already: what keeps its run from beginning is the message's failure. */
  private async beginOrFail(message: Message): Promise<void> {
    const { store, tenant } = this.options;
    try {
      await this.begin(message, true);
    } catch (error) {
      this.goOn(await store.settle(tenant, message.run, this.unreadable(error)));
    }
  }

  /** The end of a message without an answer. What may be otherwise later is thrown. */
  private unreadable(error: unknown): MessageEnd {
    const failure = failureOf(error);
    if (failure.retryable) throw error;
    const nothing = { answer: "", answerFiles: [], variables: {} };
    return { ...nothing, status: "failed", error: failure, finishedAt: this.options.clock.now() };
  }

  /** Brings a run that answers to where it should be: begun, or recorded as ended. */
  private async lookAfter(run: string): Promise<void> {
    if (!this.isStarted) return;
    const { store, runs, tenant } = this.options;
    // A run that cannot be read any more is one that has ended.
    const found = await runs.get(run).catch((error: unknown) => this.unreadable(error));
    if (found !== null) return "finished_at" in found && found.finished_at === null ? undefined : this.settle(run);
    const message = await store.byRun(tenant, run);
    // Whoever has just taken it is about to begin it; after that time nobody is.
    if (message?.status === "running" && message.createdAt < this.options.clock.now() - BEGIN_MS)
      await this.beginOrFail(message);
  }

  private async recover(): Promise<void> {
    const { store, tenant, runs } = this.options;
    for (const message of await store.running(tenant)) {
      const { run } = message;
      await runs
        .get(run)
        .then((found) => (found === null ? this.beginOrFail(message) : this.settle(run)))
        .catch((error: unknown) => this.options.problem(NOT_RECORDED, run, error));
    }
  }

  /** A file of the question as imported workflows read it. What is said of a file of the store is never believed. */
  private async fileOf(given: JsonObject): Promise<JsonObject> {
    const { id, type } = given;
    const stored = typeof id === "string" && isFileId(id) ? id : storedId(given);
    const file = difyFile(given);
    if (stored === null && file["transfer_method"] === "remote_url") return file;
    const value = stored === null ? null : await this.options.file(stored);
    if (value === null) throw new AppError("FILE_NOT_FOUND", { file: String(stored ?? id ?? "(no id)").slice(0, 100) });
    return storedFile(value, typeof type === "string" && type !== "file" ? type : undefined);
  }

  private track(run: string, work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => this.options.problem(NOT_RECORDED, run, error))
      .finally(() => this.work.delete(tracked));
    this.work.add(tracked);
  }
}

/** Time that a process takes at most from recording a message to beginning its run. */
const BEGIN_MS = 10_000;

const NOT_RECORDED = "a message of a conversation could not be recorded";

/** Without NUL: PostgreSQL's text holds none, and no model has a use for it. */
function plain<Text extends string | null>(text: Text): Text {
  return (text?.replaceAll("\0", "") ?? null) as Text;
}

function notFound(id: string): AppError {
  return new AppError("CONVERSATION_NOT_FOUND", { conversation: id.slice(0, 100) });
}
