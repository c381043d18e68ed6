import { WeftError, type WeftClient, type WorkflowGraph } from "@weftwork/sdk";
import { EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { exitCode, printOutcome } from "./outcome.ts";
import type { RemoteOptions } from "./remote.ts";
import { bodiesOf, type Bodies } from "./tree/bodies.ts";
import { fold } from "./tree/fold.ts";
import { treeState, type Nested } from "./tree/state.ts";
import { treeView } from "./tree/view.ts";

/** How often a terminal is drawn again. */
const FRAME_MS = 100;
/** Workflows that a run calls, and those call, whose graphs are asked for. */
const NESTED_MAX = 30;

/**
 * Shows the steps of a run as a tree on standard error until it has ended, then its result. What is shown is folded from
 * the messages of its stream, so a run that waits costs nothing. Ctrl-C ends the watching; the run goes on.
 */
export async function watchRun(client: WeftClient, id: string, options: RemoteOptions): Promise<number> {
  const run = await client.get(id);
  const { bodies, nested } = await graphs(client, run.workflow, run.version);
  const state = treeState(run, bodies, nested);
  const view = treeView(process.stderr);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const timer = setInterval(() => view.update(state, Date.now()), FRAME_MS);
  try {
    for await (const message of client.stream(id, { signal: stop.signal })) fold(state, message, Date.now());
    clearInterval(timer);
    view.update(state, Date.now());
    view.end();
    const ended = await client.get(id);
    printOutcome(ended, options);
    return exitCode(ended, false);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    view.end();
    process.stderr.write(`weft: ${say("run.goes_on", { run: id })}\n`);
    return EXIT.INTERRUPTED;
  } finally {
    clearInterval(timer);
    view.end();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

interface Graphs {
  readonly bodies: Bodies | null;
  readonly nested: ReadonlyMap<string, Nested>;
}

/** The graph of the run's workflow and of those it calls. What is not published any more is drawn from its events alone. */
async function graphs(client: WeftClient, workflow: string, version: string): Promise<Graphs> {
  const nested = new Map<string, Nested>();
  const first = await graphOf(client, workflow, version);
  const left = namesOf(first);
  while (left.length > 0 && nested.size < NESTED_MAX) {
    const name = left.shift()!;
    if (nested.has(name)) continue;
    const at = name.lastIndexOf("@");
    const graph = await graphOf(client, name.slice(0, at), name.slice(at + 1));
    if (graph === null) continue;
    nested.set(name, { hash: graph.hash, bodies: bodiesOf(graph) });
    left.push(...namesOf(graph));
  }
  return { bodies: first === null ? null : bodiesOf(first), nested };
}

function namesOf(graph: WorkflowGraph | null): string[] {
  return (graph?.nodes ?? []).flatMap((node) => (node.nested === null ? [] : [node.nested]));
}

async function graphOf(client: WeftClient, name: string, version: string): Promise<WorkflowGraph | null> {
  try {
    return await client.plan(name, version === "" ? {} : { version });
  } catch (error) {
    if (error instanceof WeftError && error.status === 404) return null;
    throw error;
  }
}
