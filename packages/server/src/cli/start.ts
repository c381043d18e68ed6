import type { JsonObject } from "@weftwork/core";
import type { RunSubmission, WeftClient } from "@weftwork/sdk";
import { readInputs } from "./inputs.ts";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { readInputText } from "./text-files.ts";
import { timeAhead } from "./times.ts";
import { watchRun } from "./watch.ts";

export interface StartOptions extends RemoteOptions {
  readonly input: readonly string[];
  readonly version?: string;
  readonly id?: string;
  readonly root?: string;
  readonly priority?: string;
  readonly at?: string;
  readonly watch?: boolean;
}

/** `weft runs start WORKFLOW`: submits a run of a published workflow. It is durable when this has printed its id. */
export function runsStart(workflow: string, options: StartOptions): Promise<number> {
  const { version, id, root, priority, at } = options;
  const runAt = at === undefined ? null : timeAhead(at, Date.now());
  return remote(options, async (client) => {
    const run = await client.start({
      workflow,
      inputs: await inputsOf(client, workflow, options),
      ...(version === undefined ? {} : { version }),
      ...(id === undefined ? {} : { id }),
      ...(root === undefined ? {} : { root }),
      // The server knows which there are, and says so.
      ...(priority === undefined ? {} : { priority: priority as NonNullable<RunSubmission["priority"]> }),
      ...(runAt === null ? {} : { run_at: runAt }),
    });
    if (options.watch !== true) return print(options, run, () => say("run.started", { run: run.id }));
    process.stderr.write(`${say("run.is", { run: run.id, status: say(`status.${run.status}`) })}\n`);
    return watchRun(client, run.id, options);
  });
}

/** Values as the version that will run declares them: text, or JSON where its schema says so. */
async function inputsOf(client: WeftClient, workflow: string, { input, version }: StartOptions): Promise<JsonObject> {
  if (input.length === 0) return {};
  const { inputs: schema } = await client.workflow(workflow, version === undefined ? {} : { version });
  return readInputs(input, schema, readInputText);
}
