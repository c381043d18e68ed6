import type { Page, RunDetail, RunListItem, RunStatus, RunStep } from "@weftwork/sdk";
import { failureText, resultText } from "./outcome.ts";
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
export function runList({ data, next_cursor: next }: Page<RunListItem>, now: number): string {
  if (data.length === 0) return "There are no such runs.";
  const rows = data.map((run) => [
    run.id,
    `${run.workflow} ${run.version}`,
    statusCell(run.status),
    `${duration(now - Date.parse(run.created_at))} ago`,
    took(run.started_at, run.finished_at, now),
    run.error_code ?? "",
  ]);
  const lines = [table(["run", "workflow", "status", "submitted", "took", "error"], rows)];
  if (next !== null) lines.push(`There are more: --cursor ${next}`);
  return lines.join("\n");
}

/** What `weft runs show` says of a run. */
export function runReport(run: RunDetail, now: number): string {
  const { waiting_for: waiting, usage } = run;
  const lines = [
    `${style("bold", run.id)}  ${run.workflow} ${run.version}  ${style(STYLES[run.status]!, run.status)}`,
    `submitted ${run.created_at}, ${took(run.started_at, run.finished_at, now) || "not started"}` +
      (usage.total_tokens > 0 ? `, ${usage.total_tokens} tokens` : ""),
  ];
  if (waiting !== null) lines.push(style("yellow", waiting.message));
  if (run.error !== null) lines.push(style("red", failureText(run)));
  lines.push("", table(["step", "status", "took", "tries", "tokens", "value"], stepRows(run.steps, now)));
  if (run.outputs !== null) lines.push("", resultText(run.outputs));
  return lines.join("\n");
}

function stepRows(steps: readonly RunStep[], now: number): readonly (readonly (string | Cell)[])[] {
  return steps.map((step) => [
    step.scope === "root" ? step.id : `${step.scope}/${step.id}`,
    statusCell(step.status),
    took(step.started_at, step.finished_at, now),
    step.attempt > 1 ? String(step.attempt) : "",
    step.usage === null ? "" : String(step.usage.total_tokens),
    step.error === null ? valueText(step.output) : `${step.error.message} (${step.error.code})`,
  ]);
}

function valueText(output: RunStep["output"]): string {
  if (output === null) return "";
  if (isTruncated(output)) return `(${output.size} bytes)`;
  return head(typeof output === "string" ? output : JSON.stringify(output), OUTPUT_COLUMNS);
}

function isTruncated(value: NonNullable<RunStep["output"]>): value is { truncated: true; size: number } {
  return typeof value === "object" && "truncated" in value && value.truncated === true && "size" in value;
}

function statusCell(status: RunStatus | RunStep["status"]): Cell {
  return { text: status, style: STYLES[status]! };
}

function took(from: string | null, to: string | null, now: number): string {
  return from === null ? "" : duration((to === null ? now : Date.parse(to)) - Date.parse(from));
}
