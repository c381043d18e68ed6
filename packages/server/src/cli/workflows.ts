import { parseWorkflow } from "@weftwork/core";
import type { WorkflowDetail, WorkflowGraph, WorkflowVersion } from "@weftwork/sdk";
import { withCodeFiles } from "./code-files.ts";
import { EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { findingLines, problemLines } from "./problems.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";
import { style } from "./terminal.ts";
import { readText } from "./text-files.ts";

/** `weft workflows list`: what a server has, each with its newest version. */
export function workflowsList(options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.workflows();
    print(options, { data, next_cursor: null }, () =>
      data.length === 0
        ? say("workflows.none")
        : table(
            [say("column.workflow"), say("column.version"), say("column.published")],
            data.map((one) => [one.name, one.version, one.created_at]),
          ),
    );
  });
}

/** `weft workflows versions NAME`: all of them, the newest published first. */
export function workflowsVersions(name: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.versions(name);
    print(options, { data, next_cursor: null }, () =>
      table(
        [say("column.version"), say("column.published"), say("column.hash")],
        data.map(({ version, created_at: time, hash }) => [version, time, hash.slice(0, 12)]),
      ),
    );
  });
}

export interface ShowOptions extends RemoteOptions {
  readonly version?: string;
  readonly source?: boolean;
}

/** `weft workflows show NAME`: its steps and versions, or its text as it was published. */
export function workflowsShow(name: string, options: ShowOptions): Promise<number> {
  return remote(options, async (client) => {
    const which = options.version === undefined ? {} : { version: options.version };
    const workflow = await client.workflow(name, which);
    if (options.source === true) return void process.stdout.write(`${workflow.source.trimEnd()}\n`);
    const [graph, versions] = await Promise.all([client.plan(name, which), client.versions(name)]);
    print(options, { ...workflow, plan: graph, versions }, () => report(workflow, graph, versions));
  });
}

/** `weft workflows publish FILE…`: the code of files beside a workflow goes with it. */
export function workflowsPublish(paths: readonly string[], options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const results: object[] = [];
    let isWrong = false;
    for (const path of paths) {
      const text = readText(path);
      const { source, problems } = withCodeFiles(text, parseWorkflow(text), path);
      const missing = problems.filter(({ severity }) => severity === "error");
      // The server knows its own step types, so it is asked, and asked first: publishing tells less.
      const check = await client.validate(source);
      for (const problem of missing) process.stderr.write(`${problemLines(path, problem)}\n`);
      for (const finding of check.problems) process.stderr.write(`${findingLines(path, finding)}\n`);
      if (missing.length > 0 || !check.valid) {
        isWrong = true;
        continue;
      }
      const published = await client.publish(source);
      results.push(published);
      const { name, version, created } = published;
      if (options.json !== true)
        process.stdout.write(
          `${say(created === true ? "workflow.published" : "workflow.published_before", { name, version })}\n`,
        );
    }
    if (options.json === true) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    return isWrong ? EXIT.USAGE : EXIT.OK;
  });
}

function report(workflow: WorkflowDetail, graph: WorkflowGraph, versions: readonly WorkflowVersion[]): string {
  const rows = graph.nodes.map(({ id, type, when }) => [
    id,
    type,
    graph.edges
      .filter(({ to }) => to === id)
      .map(({ from, handle }) => (handle === null ? from : `${from}.${handle}`))
      .join(", "),
    when ?? "",
  ]);
  return [
    say("workflow.head", {
      name: `${style("bold", workflow.name)} ${workflow.version}`,
      time: workflow.created_at,
    }),
    ...(workflow.description === null ? [] : [workflow.description]),
    say("workflow.inputs", { names: inputNames(workflow) }),
    say("workflow.versions", { versions: versions.map(({ version }) => version).join(", ") }),
    "",
    table([say("column.step"), say("column.type"), say("column.after"), say("column.when")], rows),
  ].join("\n");
}

function inputNames({ inputs }: WorkflowDetail): string {
  const properties = inputs?.["properties"];
  const names = typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
  return names.length === 0 ? say("workflow.any_inputs") : names.join(", ");
}
