import { parseJson, type Json, type JsonObject } from "@weftwork/core";
import type { RerunAnswer, RunFilter, RunStatus, WeftClient } from "@weftwork/sdk";
import { UsageError } from "./exit.ts";
import { pairOf, readInputs } from "./inputs.ts";
import { say, sayCount } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { runList, runReport } from "./run-report.ts";
import { readInputText } from "./text-files.ts";
import { timeAgo } from "./times.ts";
import { watchRun } from "./watch.ts";

export interface ListOptions extends RemoteOptions {
  readonly status?: string;
  readonly workflow?: string;
  readonly since?: string;
  readonly until?: string;
  readonly search?: string;
  readonly errorCode?: string;
  readonly metadata?: readonly string[];
  readonly limit?: string;
  readonly cursor?: string;
}

/** `weft runs list`: the newest runs of a server. */
export function runsList(options: ListOptions): Promise<number> {
  const { status, workflow, since, until, search, errorCode, metadata = [], limit, cursor } = options;
  const filter: RunFilter = {
    ...(status === undefined ? {} : { status: status.split(",") as RunStatus[] }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(since === undefined ? {} : { created_after: timeAgo(since, Date.now()) }),
    ...(until === undefined ? {} : { created_before: timeAgo(until, Date.now()) }),
    ...(search === undefined ? {} : { q: search }),
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(metadata.length === 0 ? {} : { metadata: Object.fromEntries(metadata.map(pairOf)) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  return remote(options, async (client) => {
    const page = await client.list(filter);
    print(options, page, () => runList(page, Date.now()));
  });
}

/** `weft runs show RUN`: what is known of a run, with its steps. */
export function runsShow(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const run = await client.detail(id);
    print(options, run, () => runReport(run, Date.now()));
  });
}

/** `weft runs watch RUN`: its steps as they go, and its result. */
export function runsWatch(id: string, options: RemoteOptions): Promise<number> {
  return remote(options, (client) => watchRun(client, id, options));
}

export function runsCancel(id: string, options: RemoteOptions & { readonly reason?: string }): Promise<number> {
  return remote(options, async (client) => {
    const run = await client.cancel(id, options.reason === undefined ? {} : { reason: options.reason });
    print(options, run, () =>
      run.finished_at === null
        ? say("run.cancelling", { run: run.id })
        : say("run.is", { run: run.id, status: say(`status.${run.status}`) }),
    );
  });
}

export interface AgainOptions extends RemoteOptions {
  readonly watch?: boolean;
}

export interface RerunOptions extends AgainOptions {
  readonly scope?: string;
  readonly input?: readonly string[];
  readonly version?: string;
}

export function runsRerun(id: string, step: string, options: RerunOptions): Promise<number> {
  const { scope, input = [], version } = options;
  return remote(options, async (client) => {
    const inputs = input.length === 0 ? null : await newInputs(client, id, input, version);
    const target = {
      step,
      ...(scope === undefined ? {} : { scope }),
      ...(version === undefined ? {} : { version }),
      ...(inputs === null ? {} : { inputs }),
    };
    return again(client, await client.rerun(id, target), options);
  });
}

/** Inputs as the version that will run declares them: text, or JSON where its schema says so. */
export async function newInputs(
  client: WeftClient,
  id: string,
  given: readonly string[],
  version: string | undefined,
): Promise<JsonObject> {
  const run = await client.get(id);
  const { inputs: schema } = await client.workflow(run.workflow, { version: version ?? run.version });
  return readInputs(given, schema, readInputText);
}

export function runsRetry(id: string, options: AgainOptions): Promise<number> {
  return remote(options, async (client) => again(client, await client.retry(id), options));
}

export async function again(client: WeftClient, answer: RerunAnswer, options: AgainOptions): Promise<number | void> {
  const { id, rerun_of: before, reused, reused_tokens: tokens } = answer;
  const saved = tokens === 0 ? "" : say("run.saved_tokens", { count: tokens });
  const text = sayCount("run.again", reused, { run: id, before, saved });
  if (options.watch !== true) return print(options, answer, () => text);
  process.stderr.write(`${text}\n`);
  return watchRun(client, id, options);
}

export interface SignalOptions extends RemoteOptions {
  readonly payload?: string;
  readonly id?: string;
}

export function runsSignal(run: string, name: string, options: SignalOptions): Promise<number> {
  const { payload, id } = options;
  const signal = {
    name,
    ...(payload === undefined ? {} : { payload: jsonOf("--payload", payload) }),
    ...(id === undefined ? {} : { id }),
  };
  return remote(options, async (client) => {
    await client.signal(run, signal);
    print(options, { run, signal: name }, () => say("run.signalled", { run, name }));
  });
}

export interface DecideOptions extends RemoteOptions {
  readonly scope?: string;
  readonly by?: string;
  readonly form?: string;
  readonly action?: string;
}

export function runsDecide(run: string, step: string, approved: boolean, options: DecideOptions): Promise<number> {
  const { scope, by, form, action } = options;
  const decision = {
    step,
    approved,
    ...(scope === undefined ? {} : { scope }),
    ...(by === undefined ? {} : { by }),
    ...(form === undefined ? {} : { form: jsonOf("--form", form) }),
    ...(action === undefined ? {} : { action }),
  };
  return remote(options, async (client) => {
    await client.decide(run, decision);
    print(options, { run, step, approved }, () => say(approved ? "run.approved" : "run.rejected", { run, step }));
  });
}

function jsonOf(option: string, text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    throw new UsageError(say("option.no_json", { option, reason: (error as Error).message }));
  }
}
