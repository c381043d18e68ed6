import { say } from "../language.ts";
import { columnsOf, cut, duration, lastLines, type Style } from "../terminal.ts";
import { placeOf } from "./scopes.ts";
import type { Inner, ScopeNode, StepNode, StepWaiting, TreeState } from "./state.ts";

export interface Drawing {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A line takes no more. */
  readonly columns: number;
  /** Lines of the drawing at most. */
  readonly rows: number;
  /** Counts up with each drawing; turns the marks of what runs. */
  readonly frame: number;
  readonly style: (name: Style, text: string) => string;
}

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const MARKS: Readonly<Record<StepNode["status"], { readonly mark: string; readonly style: Style }>> = {
  pending: { mark: "·", style: "dim" },
  running: { mark: "", style: "cyan" },
  waiting: { mark: "◷", style: "yellow" },
  done: { mark: "✓", style: "green" },
  failed: { mark: "✗", style: "red" },
  skipped: { mark: "-", style: "dim" },
  cancelled: { mark: "■", style: "dim" },
};
/** Open items, and failed ones, that are drawn with their steps; the others are a number. */
const OPEN_MAX = 6;
const FAILED_MAX = 4;
const TEXT_LINES = 2;

/** How much a line is worth when not all of them fit. */
type Worth = 0 | 1 | 2 | 3;
interface Line {
  readonly text: string;
  readonly worth: Worth;
}

/** The steps of a run as a tree, one line a text. Pure; no line is wider than asked and none holds control characters. */
export function treeLines(state: TreeState, drawing: Drawing): readonly string[] {
  const lines = [head(state, drawing), ...scopeLines(state, state.root, "", drawing)];
  if (state.reason !== null && state.reason !== "" && state.status === "cancelled")
    lines.push({ text: lineOf([["", state.reason, "dim"]], drawing), worth: 3 });
  return fitting(lines, Math.max(3, drawing.rows)).map(({ text }) => text);
}

function head(state: TreeState, drawing: Drawing): Line {
  const { status } = state;
  const took = state.startedAt === null ? "" : duration((state.endedAt ?? drawing.now) - state.startedAt);
  const tokens = state.tokens === 0 ? "" : say("run.tokens", { count: state.tokens });
  const parts: Part[] = [
    ["", `${state.workflow} ${state.version}`, "bold"],
    ["  ", say(`status.${status}`), STATUS_STYLE[status]],
    ["  ", took, "dim"],
    ["  ", tokens, "dim"],
  ];
  return { text: lineOf(parts, drawing), worth: 3 };
}

const STATUS_STYLE: Readonly<Record<TreeState["status"], Style>> = {
  pending: "dim",
  running: "cyan",
  waiting: "yellow",
  succeeded: "green",
  failed: "red",
  cancelled: "dim",
};

function scopeLines(state: TreeState, scope: ScopeNode, indent: string, drawing: Drawing): readonly Line[] {
  const steps = [...scope.steps.values()];
  return steps.flatMap((step, at) => stepLines(state, scope, step, indent, at === steps.length - 1, drawing));
}

function stepLines(
  state: TreeState,
  scope: ScopeNode,
  step: StepNode,
  indent: string,
  isLast: boolean,
  drawing: Drawing,
): readonly Line[] {
  const below = `${indent}${isLast ? "   " : "│  "}`;
  const { style } = MARKS[step.status];
  const mark = step.status === "running" ? FRAMES[drawing.frame % FRAMES.length]! : MARKS[step.status].mark;
  const failure = step.error === null ? "" : `${step.error.message} (${step.error.code})`;
  const parts: Part[] = [
    ["", `${indent}${isLast ? "└─ " : "├─ "}`, "dim"],
    ["", mark, style],
    [" ", step.id, step.status === "pending" || step.status === "skipped" ? "dim" : null],
    ["  ", progressText(step, drawing.now), "dim"],
    ["  ", step.status === "waiting" ? waitingText(step.waiting, drawing.now) : "", "yellow"],
    ["  ", failure, "red"],
  ];
  const worth: Worth = step.status === "pending" || step.status === "skipped" ? 0 : step.status === "done" ? 1 : 3;
  const lines: Line[] = [{ text: lineOf(parts, drawing), worth }];
  const help = step.status === "waiting" ? helpText(state, scope, step) : null;
  // A command is to be copied: it is never cut.
  if (help !== null)
    lines.push({
      text: plain(
        [
          ["", below, "dim"],
          ["  ", help, "bold"],
        ],
        drawing,
      ),
      worth: 3,
    });
  for (const line of lastLines(step.text, drawing.columns - columnsOf(below) - 4, TEXT_LINES))
    lines.push({
      text: lineOf(
        [
          ["", `${below}  `, "dim"],
          ["", line, "dim"],
        ],
        drawing,
      ),
      worth: 2,
    });
  return step.inner === null ? lines : [...lines, ...innerLines(state, step, step.inner, below, drawing)];
}

function innerLines(state: TreeState, step: StepNode, inner: Inner, below: string, drawing: Drawing): readonly Line[] {
  const lines: Line[] = [];
  const told = (text: string, style: Style, worth: Worth): void =>
    void lines.push({
      text: lineOf(
        [
          ["", `${below}├─ `, "dim"],
          ["", text, style],
        ],
        drawing,
      ),
      worth,
    });
  if (step.status !== "done") {
    for (const { label, code, message } of inner.failures.slice(0, FAILED_MAX))
      told(`✗ ${label} ${message} (${code})`, "red", 2);
    const hidden = inner.failed - Math.min(FAILED_MAX, inner.failures.length);
    if (hidden > 0) told(say("fold.more_failed", { count: hidden }), "red", 2);
  }
  const open = [...inner.open.values()];
  const shown = open.slice(0, OPEN_MAX);
  const hidden = open.length - shown.length;
  // A nested workflow has one scope, and needs no line to name it.
  if (inner.kind === "child") return [...lines, ...shown.flatMap((scope) => scopeLines(state, scope, below, drawing))];
  const branch = (text: string, style: Style, isLast: boolean): Line => {
    const parts: Part[] = [
      ["", `${below}${isLast ? "└─ " : "├─ "}`, "dim"],
      ["", text, style],
    ];
    return { text: lineOf(parts, drawing), worth: 2 };
  };
  shown.forEach((scope, at) => {
    const isLast = at === shown.length - 1 && hidden === 0;
    const steps = scopeLines(state, scope, `${below}${isLast ? "   " : "│  "}`, drawing);
    lines.push(branch(placeOf(scope.id)!.label, "cyan", isLast), ...steps);
  });
  if (hidden > 0) lines.push(branch(say("fold.more_open", { count: hidden }), "dim", true));
  return lines;
}

/** Counts of what is inside, how long it takes, and which try it is. */
function progressText(step: StepNode, now: number): string {
  const { inner, startedAt, attempt } = step;
  const parts: string[] = [];
  if (inner?.kind === "items") {
    const total = inner.total ?? "?";
    parts.push(say("fold.items", { done: inner.done + inner.failed, total }));
    if (inner.failed > 0) parts.push(say("fold.failed", { count: inner.failed }));
  }
  if (inner?.kind === "rounds") parts.push(say("fold.rounds", { round: inner.done + (step.endedAt === null ? 1 : 0) }));
  if (attempt > 1 && step.endedAt === null) parts.push(say("step.attempt", { attempt }));
  if (step.isReused) parts.push(say("step.reused"));
  else if (startedAt !== null && step.status !== "pending") parts.push(duration((step.endedAt ?? now) - startedAt));
  return parts.join(" · ");
}

/** Why a step does not move, in words. */
export function waitingText(waiting: StepWaiting | null, now: number): string {
  if (waiting === null) return "";
  const when = waiting.until === null ? say("when.open") : whenText(waiting.until - now);
  switch (waiting.type) {
    case "retry":
      return say("step.retries", { when });
    case "parked":
      return say("step.parked", { when, reason: waiting.reason });
    case "signal":
      return say("wait.signal", { name: waiting.name });
    case "approval":
      return say("wait.approval", { title: waiting.title });
    case "time":
      return say("wait.time", { when });
  }
}

function whenText(ms: number): string {
  return ms <= 0 ? say("when.now") : say("when.in", { time: duration(ms) });
}

/** The command that lets a waiting step go on; null where only time does. */
export function helpText(state: Pick<TreeState, "id">, scope: Pick<ScopeNode, "id">, step: StepNode): string | null {
  const { waiting } = step;
  const at = scope.id === "root" ? "" : ` --scope '${scope.id}'`;
  if (waiting?.type === "approval")
    return say("wait.approve", { command: `weft runs approve ${state.id} ${step.id}${at}` });
  if (waiting?.type === "signal")
    return say("wait.send", { command: `weft runs signal ${state.id} ${shellWord(waiting.name)}` });
  return null;
}

function shellWord(text: string): string {
  return /^[\w.:@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** What stands before a text, the text, and its style; nothing for an empty text. */
type Part = readonly [gap: string, text: string, style: Style | null];

function lineOf(parts: readonly Part[], { columns, style }: Drawing): string {
  let room = columns;
  let line = "";
  for (const [gap, text, name] of parts) {
    if (text === "" || room <= gap.length) continue;
    const shown = cut(text, room - gap.length);
    room -= gap.length + columnsOf(shown);
    line += gap + (name === null ? shown : style(name, shown));
  }
  return line;
}

function plain(parts: readonly Part[], drawing: Drawing): string {
  return lineOf(parts, { ...drawing, columns: Infinity });
}

/** As many lines as there is room for: what has not begun goes first, then what is done, then text. */
function fitting(lines: readonly Line[], rows: number): readonly Line[] {
  let kept = lines;
  for (const worth of [0, 1, 2, 3] as const) {
    const surplus = kept.length - rows;
    if (surplus <= 0) return kept;
    // One more goes for the line that tells of the others.
    let left = worth === 0 ? surplus + 1 : surplus;
    kept = kept.filter((line, at) => at === 0 || line.worth !== worth || left-- <= 0);
    if (kept.length < rows) break;
  }
  const count = lines.length - kept.length;
  return [...kept, { text: say("fold.lines", { count }), worth: 3 }];
}
