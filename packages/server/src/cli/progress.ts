import type { TaskProgress } from "@weftwork/sdk";
import { say } from "./language.ts";
import { duration, styleOn, tail, type Style } from "./terminal.ts";

type StepStatus = TaskProgress["steps"][number]["status"];

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const MARKS: Readonly<Record<StepStatus, string>> = {
  pending: " ",
  running: "…",
  completed: "✓",
  failed: "✗",
  skipped: "-",
};
const WORDS = {
  pending: "step.waits",
  running: "step.runs",
  completed: "step.done",
  failed: "step.failed",
  skipped: "step.skipped",
} as const;
const MARK_STYLES: Readonly<Record<StepStatus, Style>> = {
  pending: "dim",
  running: "cyan",
  completed: "green",
  failed: "red",
  skipped: "dim",
};
/** Lines of a live view; a workflow with more steps shows those that move. */
const LINES_MAX = 30;

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows the steps of a run as they go. `update` is called as often as anything may have changed. */
export interface ProgressView {
  update(task: TaskProgress): void;
  end(): void;
}

/** On a terminal one line a step that is drawn again in place; elsewhere one plain line a change. */
export function progressView(output: Output, now: () => number): ProgressView {
  return output.isTTY === true ? liveView(output, now) : plainView(output, now);
}

/** How long each step has been seen to run. A step that ran between two looks has no time that could be told. */
class Times {
  private readonly now: () => number;
  private readonly started = new Map<string, number>();
  private readonly took = new Map<string, number>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Milliseconds; null for a step that was not seen to run. */
  of(name: string, status: StepStatus): number | null {
    const took = this.took.get(name);
    if (took !== undefined) return took;
    const begun = this.started.get(name);
    if (status === "running") {
      if (begun === undefined) this.started.set(name, this.now());
      return begun === undefined ? 0 : this.now() - begun;
    }
    if (begun === undefined || status === "pending") return null;
    this.took.set(name, this.now() - begun);
    return this.now() - begun;
  }
}

function plainView(output: Output, now: () => number): ProgressView {
  const seen = new Map<string, StepStatus>();
  const times = new Times(now);
  return {
    update(task) {
      for (const { name, status } of task.steps) {
        const ms = times.of(name, status);
        if (seen.get(name) === status || status === "pending") continue;
        seen.set(name, status);
        const took = ms === null || status === "running" ? "" : ` (${duration(ms)})`;
        output.write(`${MARKS[status]} ${name} ${say(WORDS[status])}${took}\n`);
      }
    },
    end() {},
  };
}

function liveView(output: Output, now: () => number): ProgressView {
  const style = styleOn(output);
  const times = new Times(now);
  let drawn = 0;
  let frame = 0;
  output.write("\x1b[?25l");
  return {
    update(task) {
      const columns = Math.max(20, (output.columns ?? 80) - 1);
      const lines = shownSteps(task).map(({ name, status }) => {
        const ms = times.of(name, status);
        const mark =
          status === "running"
            ? style("cyan", FRAMES[frame % FRAMES.length]!)
            : style(MARK_STYLES[status], MARKS[status]);
        const head = `${name} ${ms === null ? say(WORDS[status]) : duration(ms)}`;
        const text = status === "running" ? (task.partial[name] ?? "") : "";
        const room = columns - head.length - 5;
        return `${mark} ${head}${text === "" || room < 10 ? "" : `  ${style("dim", tail(text, room))}`}`;
      });
      frame++;
      const up = drawn > 0 ? `\x1b[${drawn}A` : "";
      output.write(`${up}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
      drawn = lines.length;
    },
    end() {
      output.write("\x1b[?25h");
    },
  };
}

function shownSteps({ steps }: TaskProgress): TaskProgress["steps"] {
  if (steps.length <= LINES_MAX) return steps;
  const moving = steps.filter(({ status }) => status === "running" || status === "failed");
  const ended = steps.filter(({ status }) => status === "completed" || status === "skipped");
  return [...ended.slice(-Math.max(3, LINES_MAX - moving.length)), ...moving].slice(-LINES_MAX);
}
