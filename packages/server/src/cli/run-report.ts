import type { RunDetail, RunPage, RunStatus, RunStep } from "@weftwork/sdk";
import { say } from "./language.ts";
import { failureText, resultText } from "./outcome.ts";
import { messageOf } from "./problems.ts";
import { table, type Cell } from "./table.ts";
import { duration, head, style, type Style } from "./terminal.ts";

const STYLES: Readonly<Record<string, Style>> = {
  running: "cyan",
  waiting: "yellow",
  succeeded: "green",
  failed: "red",
  pending: "dim",
  skipped: "dim",
  cancelled: "dim",
};
/** Columns of a step's value in the table. */
const OUTPUT_COLUMNS = 60;

/** The table of `weft runs list`. */
export function runList({ data, next_cursor: next, search }: RunPage, now: number): string {
  const reach = search === undefined || search.complete ? [] : [reachText(search.indexed_until)];
  if (data.length === 0) return [say("runs.none"), ...reach].join("\n");
  const rows = data.map((run) => [
    run.id,
    `${run.workflow} ${run.version}`,
    statusCell(run.status),
    say("runs.ago", { time: duration(now - Date.parse(run.created_at)) }),
    run.run_at ?? "",
    took(run.started_at, run.finished_at, now),
    run.error_code ?? "",
  ]);
  const lines = [table(titles(["run", "workflow", "status", "submitted", "starts", "took", "error"]), rows)];
  if (next !== null) lines.push(say("runs.more", { cursor: next }));
  return [...lines, ...reach].join("\n");
}

/** A search that has not seen all says so: a run that is missing may be there. */
function reachText(until: string | null): string {
  return until === null ? say("runs.not_indexed") : say("runs.indexed_until", { time: until });
}

/** What `weft runs show` says of a run. */
export function runReport(run: RunDetail, now: number): string {
  const { waiting_for: waiting, usage } = run;
  const lines = [
    `${style("bold", run.id)}  ${run.workflow} ${run.version}  ${style(STYLES[run.status]!, say(`status.${run.status}`))}`,
    [
      say("run.submitted", {
        time: run.created_at,
        took: took(run.started_at, run.finished_at, now) || say("run.not_started"),
      }),
      ...(usage.total_tokens > 0 ? [say("run.tokens", { count: usage.total_tokens })] : []),
    ].join(say("list.comma")),
  ];
  if (waiting !== null) lines.push(style("yellow", waiting.message));
  if (run.error !== null) lines.push(style("red", failureText(run)));
  lines.push("", table(titles(["step", "status", "took", "tries", "tokens", "value"]), stepRows(run.steps, now)));
  if (run.outputs !== null) lines.push("", resultText(run.outputs));
  return lines.join("\n");
}

type Column =
  | "run"
  | "workflow"
  | "status"
  | "submitted"
  | "starts"
  | "took"
  | "error"
  | "step"
  | "tries"
  | "tokens"
  | "value";

function titles(names: readonly Column[]): readonly string[] {
  return names.map((name) => say(`column.${name}`));
}

function stepRows(steps: readonly RunStep[], now: number): readonly (readonly (string | Cell)[])[] {
  return steps.map((step) => [
    step.scope === "root" ? step.id : `${step.scope}/${step.id}`,
    statusCell(step.status),
    took(step.started_at, step.finished_at, now),
    step.attempt > 1 ? String(step.attempt) : "",
    step.usage === null ? "" : String(step.usage.total_tokens),
    step.error === null ? valueText(step.output) : `${messageOf(step.error)} (${step.error.code})`,
  ]);
}

function valueText(output: RunStep["output"]): string {
  if (output === null) return "";
  if (isTruncated(output)) return say("run.bytes", { size: output.size });
  return head(typeof output === "string" ? output : JSON.stringify(output), OUTPUT_COLUMNS);
}

function isTruncated(value: NonNullable<RunStep["output"]>): value is { truncated: true; size: number } {
  return typeof value === "object" && "truncated" in value && value.truncated === true && "size" in value;
}

function statusCell(status: RunStatus | RunStep["status"]): Cell {
  return { text: say(`status.${status}`), style: STYLES[status]! };
}

function took(from: string | null, to: string | null, now: number): string {
  return from === null ? "" : duration((to === null ? now : Date.parse(to)) - Date.parse(from));
}
