import { resolve } from "node:path";
import { AppError, importIfDify, type HumanRules, type JsonObject, type Step, type Workflow } from "@weftwork/core";
import { WeftError, type ConversationMessage, type RunMessage, type WeftClient } from "@weftwork/sdk";
import { readConfig } from "../config.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { openWeft } from "../weft.ts";
import { ShownAnswer } from "./chat-answer.ts";
import { localTalk, remoteTalk, type Talk } from "./chat-talk.ts";
import { EXIT, UsageError } from "./exit.ts";
import { readInputs } from "./inputs.ts";
import { say } from "./language.ts";
import { Lines } from "./lines.ts";
import { remote } from "./remote.ts";
import { readInputText, readText } from "./text-files.ts";
import { weftOptions } from "./weft-options.ts";

export interface ChatOptions {
  readonly input: readonly string[];
  readonly data?: string;
  readonly server?: string;
  readonly conversation?: string;
  readonly user?: string;
}

/** `weft chat FILE`: a conversation with a chat app in the terminal. Answers are shown as they come. */
export async function chatCommand(path: string, options: ChatOptions): Promise<number> {
  if (options.data !== undefined && options.server !== undefined) throw new UsageError(say("data.and_server"));
  const source = readText(path);
  if (options.server !== undefined)
    return remote(options, (client: WeftClient) => chat(remoteTalk(client), source, options));
  const environment = takeSecrets(process.env);
  const weft = await openWeft({
    ...weftOptions(readConfig(environment), environment),
    store: options.data === undefined ? "memory" : resolve(options.data),
    ownWorkers: false,
  });
  try {
    return await chat(localTalk(weft), source, options);
  } finally {
    await weft.close({ graceMs: 1000 });
  }
}

async function chat(talk: Talk, source: string, options: ChatOptions): Promise<number> {
  const { name: workflow } = await talk.publish(source);
  const imported = importIfDify(source)?.workflow ?? null;
  const begun = await conversationOf(talk, workflow, options);
  const inputs = readInputs(options.input, imported?.inputs ?? null, readInputText);
  note(say("chat.begun", { conversation: begun.id, workflow }));
  const opening = imported?.dify?.features["opening_statement"];
  if (begun.isNew && typeof opening === "string" && opening !== "") process.stdout.write(`${opening}\n`);
  const lines = new Lines(process.stdin, process.stdout);
  const session = new Session(talk, lines, questionsOf(imported));
  try {
    const code = await session.hold(begun.id, inputs, options.user);
    if (options.data !== undefined || options.server !== undefined)
      note(say("chat.goes_on", { conversation: begun.id }));
    return code;
  } finally {
    lines.close();
  }
}

async function conversationOf(
  talk: Talk,
  workflow: string,
  { conversation, user }: ChatOptions,
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  if (conversation === undefined) {
    const { id } = await talk.create({ workflow, ...(user === undefined ? {} : { user }) });
    return { id, isNew: true };
  }
  const found = await talk.find(conversation);
  if (found === null) throw new UsageError(say("chat.no_conversation", { conversation }));
  if (found.workflow !== workflow)
    throw new UsageError(say("chat.other_app", { conversation, workflow: found.workflow }));
  return { id: conversation, isNew: false };
}

/** One message after the other, until the input ends. */
class Session {
  private readonly talk: Talk;
  private readonly lines: Lines;
  private readonly questions: ReadonlyMap<string, HumanRules>;
  private isInterrupted = false;

  constructor(talk: Talk, lines: Lines, questions: ReadonlyMap<string, HumanRules>) {
    this.talk = talk;
    this.lines = lines;
    this.questions = questions;
  }

  /** The exit code: that of the last message. */
  async hold(conversation: string, inputs: JsonObject, user: string | undefined): Promise<number> {
    let code: number = EXIT.OK;
    for (;;) {
      // Between two answers Ctrl-C ends the conversation.
      this.lines.onInterrupt = () => this.lines.close();
      const query = await this.lines.next("> ");
      if (query === null) return code;
      if (query.trim() === "") continue;
      const message = await this.sent(conversation, { query, inputs, ...(user === undefined ? {} : { user }) });
      code = message === null ? EXIT.FAILED : await this.answered(conversation, message);
    }
  }

  /** Null: it was refused, which has been said. */
  private async sent(conversation: string, message: Parameters<Talk["send"]>[1]): Promise<ConversationMessage | null> {
    try {
      return await this.talk.send(conversation, message);
    } catch (error) {
      if (!(error instanceof AppError) && !(error instanceof WeftError)) throw error;
      note(say("chat.failed", { message: error.message, code: error.code.toLowerCase() }));
      return null;
    }
  }

  private async answered(conversation: string, { id, run_id: run }: ConversationMessage): Promise<number> {
    this.isInterrupted = false;
    this.lines.onInterrupt = () => {
      // oxlint-disable-next-line unicorn/no-process-exit -- asked twice to end
      if (this.isInterrupted) process.exit(EXIT.INTERRUPTED);
      this.isInterrupted = true;
      this.lines.abandon();
      void this.talk.cancel(run).catch(() => undefined);
    };
    const shown = new ShownAnswer((text) => void process.stdout.write(text), note);
    for await (const message of this.talk.stream(run)) {
      shown.take(message);
      if (message.event === "task_waiting" && !(await this.asked(run, message, shown))) return EXIT.OK;
    }
    const ended = await this.talk.message(conversation, id);
    shown.end(ended?.answer ?? "");
    if (ended?.status === "cancelled") note(say("chat.cancelled"));
    if (ended?.error) note(say("chat.failed", { message: ended.error.message, code: ended.error.code }));
    return ended?.status === "succeeded" ? EXIT.OK : ended?.status === "cancelled" ? EXIT.CANCELLED : EXIT.FAILED;
  }

  /** Puts the question of a step to whoever sits here. False: there was no answer, and the run waits on. */
  private async asked(run: string, { data }: RunMessage, shown: ShownAnswer): Promise<boolean> {
    const {
      node: step,
      scope,
      waiting,
    } = data as { node: string; scope: string; waiting: { type: string; title: string } };
    const rules = waiting.type === "approval" ? this.questions.get(step) : undefined;
    if (!rules) return true;
    shown.pause();
    process.stdout.write(`${waiting.title.replaceAll(MARK, "____")}\n`);
    const form: Record<string, string> = {};
    for (const { output_variable_name: name } of rules.inputs) {
      const line = await this.lines.next(say("chat.form", { name: String(name) }));
      if (line === null) return this.unanswered(run, step);
      form[String(name)] = line;
    }
    const { actions } = rules;
    process.stdout.write(actions.map(({ title }, at) => `${at + 1}) ${title}\n`).join(""));
    for (;;) {
      const line = await this.lines.next(say("chat.choose", { count: actions.length }));
      if (line === null) return this.unanswered(run, step);
      const action = actions.find(({ id, title }, at) => [String(at + 1), id, title].includes(line.trim()));
      if (!action) continue;
      await this.talk.answer(run, { step, scope, action: action.id, form });
      return true;
    }
  }

  /** The input has ended; or the run is cancelled, and its end comes. */
  private unanswered(run: string, step: string): boolean {
    if (this.isInterrupted) return true;
    note(say("chat.unanswered", { run, step }));
    return false;
  }
}

/** Where an input is shown in the text of a question. */
const MARK = /\{\{#\$output\.\w+#\}\}/g;

/** The questions to people that an app may ask, by step. */
function questionsOf(workflow: Workflow | null): ReadonlyMap<string, HumanRules> {
  const questions = new Map<string, HumanRules>();
  const look = (steps: readonly Step[]): void => {
    for (const step of steps) {
      if (step.kind === "approval" && step.dify) questions.set(step.id, step.dify);
      if (step.kind === "for_each" || step.kind === "loop") look(step.steps);
    }
  };
  look(workflow?.steps ?? []);
  return questions;
}

/** What belongs to the conversation and not to its answers. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
