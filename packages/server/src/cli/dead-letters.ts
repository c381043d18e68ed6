import type { DeadLetter, DeadLetterDetail, DeadLetterRetry, Page } from "@weftwork/sdk";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { again, newInputs, type AgainOptions } from "./runs.ts";
import { table } from "./table.ts";
import { duration, style } from "./terminal.ts";
import { timeAgo } from "./times.ts";
import type { WordKey } from "./words/index.ts";

export interface DeadLetterListOptions extends RemoteOptions {
  readonly workflow?: string;
  readonly errorCode?: string;
  readonly quarantined?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

const STATES = {
  open: "letter.open",
  retried: "letter.retried",
  discarded: "letter.discarded",
} as const satisfies Readonly<Record<DeadLetter["state"], WordKey>>;

/** `weft dead-letters ls` */
export function deadLettersList(options: DeadLetterListOptions): Promise<number> {
  const { workflow, errorCode, quarantined, since, until, limit, cursor } = options;
  const now = Date.now();
  const filter = {
    ...(workflow === undefined ? {} : { workflow }),
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(quarantined === true ? { quarantined } : {}),
    ...(since === undefined ? {} : { created_after: timeAgo(since, now) }),
    ...(until === undefined ? {} : { created_before: timeAgo(until, now) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  return remote(options, async (client) => {
    const page = await client.deadLetters.list(filter);
    print(options, page, () => listing(page, now));
  });
}

function listing({ data, next_cursor: next }: Page<DeadLetter>, now: number): string {
  const more = next === null ? [] : [say("runs.more", { cursor: next })];
  if (data.length === 0) return [say("letters.none"), ...more].join("\n");
  const titles = (["run", "workflow", "error", "failed", "taken_over"] as const).map((name) => say(`column.${name}`));
  const rows = data.map((letter) => [
    letter.id,
    `${letter.workflow} ${letter.version}`,
    letter.error_code ?? "",
    say("runs.ago", { time: duration(now - Date.parse(letter.failed_at)) }),
    takenOver(letter),
  ]);
  return [table(titles, rows), ...more].join("\n");
}

function takenOver({ retry }: DeadLetter): string {
  if (retry === null) return "";
  return retry.status === null ? retry.run : `${retry.run} (${say(`status.${retry.status}`)})`;
}

/** `weft dead-letters show RUN` */
export function deadLettersShow(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const letter = await client.deadLetters.get(id);
    print(options, letter, () => report(letter));
  });
}

function report(letter: DeadLetterDetail): string {
  const { failed_step: step, error, damaged } = letter;
  const state = say(STATES[letter.state]);
  const lines = [`${style("bold", letter.id)}  ${letter.workflow} ${letter.version}  ${state}`];
  if (letter.retry !== null) lines.push(say("letters.taken_over", { run: takenOver(letter) }));
  if (letter.reason !== null) lines.push(say("letters.reason", { reason: letter.reason }));
  if (damaged !== null) lines.push(style("red", damaged));
  if (error !== null) {
    lines.push(style("red", `${error.message} (${error.code})`));
    if (error.details !== undefined) lines.push(JSON.stringify(error.details, null, 2));
  }
  lines.push("", say("letters.inputs"), JSON.stringify(letter.inputs, null, 2));
  if (step !== null) {
    const place = step.scope === "root" ? step.id : `${step.scope}/${step.id}`;
    lines.push("", say("letters.failed_step", { step: place, type: step.type }), JSON.stringify(step.inputs, null, 2));
    const titles = (["try", "began", "ended", "error"] as const).map((name) => say(`column.${name}`));
    const tries = step.attempts.map((one) => [
      String(one.number),
      one.started_at,
      one.finished_at ?? "",
      one.error === null ? "" : `${one.error.code}: ${one.error.message}`,
    ]);
    if (tries.length > 0) lines.push(table(titles, tries));
  }
  const done = letter.steps.filter(({ status }) => status === "succeeded");
  if (done.length > 0) lines.push("", say("letters.so_far"));
  for (const { id, output } of done) lines.push(`${id}: ${JSON.stringify(output)}`);
  return lines.join("\n");
}

export interface DeadLetterRetryOptions extends AgainOptions {
  readonly input?: readonly string[];
  readonly step?: string;
  readonly scope?: string;
  readonly version?: string;
}

/** `weft dead-letters retry RUN` */
export function deadLettersRetry(id: string, options: DeadLetterRetryOptions): Promise<number> {
  const { input = [], step, scope, version } = options;
  return remote(options, async (client) => {
    const change: DeadLetterRetry = {
      ...(input.length === 0 ? {} : { inputs: await newInputs(client, id, input, version) }),
      ...(step === undefined ? {} : { step }),
      ...(scope === undefined ? {} : { scope }),
      ...(version === undefined ? {} : { version }),
    };
    return again(client, await client.deadLetters.retry(id, change), options);
  });
}

/** `weft dead-letters discard RUN` */
export function deadLettersDiscard(id: string, options: RemoteOptions & { readonly reason?: string }): Promise<number> {
  return remote(options, async (client) => {
    const letter = await client.deadLetters.discard(id, options.reason === undefined ? {} : { reason: options.reason });
    print(options, letter, () => say("letters.was_discarded", { run: letter.id }));
  });
}
