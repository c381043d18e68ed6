import { say } from "../language.ts";
import { cut, duration, styleOn } from "../terminal.ts";
import { helpText, treeLines, waitingText } from "./render.ts";
import type { ScopeNode, StepNode, StepStatus, TreeState } from "./state.ts";

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Shows a run as it goes. `update` is called as often as anything may have changed. */
export interface TreeView {
  update(state: TreeState, now: number): void;
  end(): void;
}

/** On a terminal the tree, drawn again in place; elsewhere one plain line a change. */
export function treeView(output: Output): TreeView {
  return output.isTTY === true ? liveView(output) : plainView(output);
}

function liveView(output: Output): TreeView {
  const style = styleOn(output);
  let drawn = 0;
  let frame = 0;
  let isOpen = true;
  output.write("\x1b[?25l");
  return {
    update(state, now) {
      // A terminal without a size says 0. The last column stays free: a line that fills it would wrap on some terminals.
      const columns = Math.max(20, (output.columns || 80) - 1);
      const lines = treeLines(state, { now, columns, rows: (output.rows || 24) - 1, frame: frame++, style });
      const up = drawn > 0 ? `\x1b[${drawn}A` : "";
      output.write(`${up}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
      drawn = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(bare(line) / columns)), 0);
    },
    end() {
      if (isOpen) output.write("\x1b[?25h");
      isOpen = false;
    },
  };
}

/** Columns of a line without its colours; a command that is never cut may take several lines of the terminal. */
function bare(line: string): number {
  // oxlint-disable-next-line no-control-regex
  return line.replaceAll(/\x1b\[[\d;]*m/g, "").length;
}

const WORDS = {
  running: ["…", "step.runs"],
  done: ["✓", "step.done"],
  failed: ["✗", "step.failed"],
  skipped: ["-", "step.skipped"],
  cancelled: ["■", "step.cancelled"],
  waiting: ["◷", "step.waits"],
} as const satisfies Readonly<Record<Exclude<StepStatus, "pending">, readonly [string, string]>>;

/** Items of a list are told by their number, not by their steps: a log of a long list would bury everything else. */
function plainView(output: Output): TreeView {
  const seen = new Map<string, string>();
  const told = (key: string, what: string, line: () => string): void => {
    if (seen.get(key) === what) return;
    seen.set(key, what);
    output.write(`${line()}\n`);
  };
  function scopeLines(state: TreeState, scope: ScopeNode, now: number): void {
    for (const step of scope.steps.values()) {
      const place = scope.id === "root" ? step.id : `${scope.id}/${step.id}`;
      if (step.status !== "pending") {
        const what = `${step.status} ${step.waiting?.type ?? ""} ${step.attempt}`;
        told(place, what, () => stepLine(state, scope, place, step, now));
      }
      const { inner } = step;
      if (inner === null) continue;
      if (inner.kind === "items") {
        const ended = inner.done + inner.failed;
        // About ten lines for a list of any length.
        const part = Math.floor((ended * 10) / Math.max(1, inner.total ?? ended));
        if (ended > 0 && step.endedAt === null) told(`${place}[]`, String(part), () => `  ${place} ${itemsText(step)}`);
      } else for (const one of inner.open.values()) scopeLines(state, one, now);
    }
  }
  return {
    update: (state, now) => scopeLines(state, state.root, now),
    end() {},
  };
}

function itemsText({ inner }: StepNode): string {
  const items = say("fold.items", { done: inner!.done + inner!.failed, total: inner!.total ?? "?" });
  return inner!.failed === 0 ? items : `${items} · ${say("fold.failed", { count: inner!.failed })}`;
}

function stepLine(state: TreeState, scope: ScopeNode, place: string, step: StepNode, now: number): string {
  const [mark, word] = WORDS[step.status as keyof typeof WORDS];
  const { startedAt, endedAt, error, waiting, isReused } = step;
  const took = startedAt === null || endedAt === null ? "" : ` (${duration(endedAt - startedAt)})`;
  const why = waiting === null ? (isReused ? say("step.reused") : say(word)) : waitingText(waiting, now);
  const failure = error === null ? "" : `: ${error.message} (${error.code})`;
  const help = waiting === null ? null : helpText(state, scope, step);
  return `${mark} ${cut(`${place} ${why}${took}${failure}`, 500)}${help === null ? "" : `\n  ${help}`}`;
}
