import { renderValue } from "../dify/render.ts";
import { responseSegments } from "../dify/response.ts";
import { find } from "../dify/selector.ts";
import type { Segment } from "../dify/template.ts";
import type { Body, EndNode, PlanNode } from "../plan/plan.ts";
import type { Selector } from "../workflow/dify-steps.ts";
import { difyView, workflowScope } from "./dify-view.ts";
import type { RunEvent } from "./event.ts";
import type { RunState, ScopeState, TaskState } from "./state.ts";
import { isTaken } from "./task.ts";

/** A piece of the response for those who read along. */
export interface ResponseChunk {
  readonly text: string;
  /** The node that made it, in its scope: of fixed text, the end or answer itself. */
  readonly node: string;
  readonly scope: string;
  /** The value it is part of; null for fixed text. */
  readonly selector: Selector | null;
  /** So many characters at the end of what was said before it do not hold any more: an attempt said them and failed. */
  readonly takesBack: number;
}

/** An end or answer whose turn may come: what it says, and how far it has been said. */
interface Session {
  readonly scope: ScopeState;
  readonly node: EndNode;
  readonly segments: readonly Segment[];
  at: number;
  /** What was said of the current reference while its node ran. */
  said: string;
}

/**
 * The order in which the text of an imported workflow reaches its caller. It follows a run event by event, on a state
 * that has the event applied, and on the text that steps stream. What an event lets out is sent before the news of it.
 *
 * R1. An end or answer opens when all that could still keep the run from it, along one way, was decided for it: the
 *     edges of the start, branching nodes, containers, other ends, and assigners of variables that it reads.
 * R2. One speaks at a time, in the order of opening, each its segments in order. A value that is there is one piece; the
 *     text of a step that runs goes out as it comes; what belongs to a later segment waits.
 * R3. A reference to a skipped node says nothing. One that never gets a value keeps all behind it from speaking.
 * R4. What an attempt said that does not become the value is taken back before anything else is said.
 */
export class ResponseOrder {
  private readonly sessions: Session[] = [];
  /** Sessions that have not opened, by scope. */
  private readonly closed = new Map<ScopeState, EndNode[]>();
  private readonly known = new WeakSet<ScopeState>();
  /** Text streamed by steps that run, by scope and node. */
  private readonly live = new Map<string, string>();

  /** What is to be said after an event. */
  take(state: RunState, event: RunEvent): readonly ResponseChunk[] {
    const back = ENDS_ATTEMPT.has(event.type) ? this.forget(event as AttemptEnd) : [];
    const root = state.scopes.get("root");
    if (root) this.enter(root);
    if ("scope" in event && event.scope !== null) {
      const scope = state.scopes.get(event.scope) ?? null;
      for (const child of scope?.children ?? []) this.enter(child);
      // The scope of an item or round has gone; what follows it hangs on the scope around.
      const around = scope === null ? state.scopes.get(event.scope.split("/").slice(0, -1).join("/") || "root") : null;
      for (const child of around?.children ?? []) this.enter(child);
    }
    this.open(state);
    const said = this.speak(state);
    if (event.type === "task_completed") this.live.delete(`${event.scope}/${event.node}`);
    return back.length === 0 ? said : [...back, ...said];
  }

  /** Text that a step streams while it runs. */
  delta(state: RunState, scope: string, node: string, text: string): readonly ResponseChunk[] {
    const key = `${scope}/${node}`;
    this.live.set(key, (this.live.get(key) ?? "") + text);
    return this.speak(state);
  }

  /** The attempt that streamed a step's text will not give its result. */
  forget({ scope, node }: { readonly scope: string; readonly node: string }): readonly ResponseChunk[] {
    this.live.delete(`${scope}/${node}`);
    const session = this.sessions[0];
    const segment = session?.segments[session.at];
    if (!session || session.said === "" || segment === undefined || typeof segment === "string") return [];
    const source = sourceOf(session.scope, segment[0]!);
    if (source?.node.id !== node || source.scope.id !== scope) return [];
    const takesBack = session.said.length;
    session.said = "";
    return [{ text: "", node, scope, selector: segment, takesBack }];
  }

  private enter(scope: ScopeState): void {
    if (this.known.has(scope)) return;
    this.known.add(scope);
    const ends = scope.body.nodes.filter((node) => node.kind === "end");
    if (ends.length > 0) this.closed.set(scope, ends);
  }

  private open(state: RunState): void {
    for (const [scope, ends] of this.closed) {
      const left = ends.filter((node) => {
        if (!isOpen(scope, node)) return state.scopes.get(scope.id) === scope;
        const segments = node.step.kind === "end" ? responseSegments(node.step) : [];
        this.sessions.push({ scope, node, segments, at: 0, said: "" });
        return false;
      });
      if (left.length === 0) this.closed.delete(scope);
      else this.closed.set(scope, left);
    }
  }

  private speak(state: RunState): readonly ResponseChunk[] {
    const chunks: ResponseChunk[] = [];
    for (let session = this.sessions[0]; session; session = this.sessions[0]) {
      while (session.at < session.segments.length && this.say(state, session, chunks)) {
        session.at += 1;
        session.said = "";
      }
      // Of a scope that has ended nothing more comes.
      if (session.at < session.segments.length && state.scopes.get(session.scope.id) === session.scope) break;
      this.sessions.shift();
    }
    return chunks;
  }

  /** Says what there is of the current segment. True when it is all there is. */
  private say(state: RunState, session: Session, chunks: ResponseChunk[]): boolean {
    const { scope, node } = session;
    const segment = session.segments[session.at]!;
    if (typeof segment === "string") {
      chunks.push({ text: segment, node: node.id, scope: scope.id, selector: null, takesBack: 0 });
      return true;
    }
    const source = sourceOf(scope, segment[0]!);
    const push = (text: string, takesBack = 0): void => {
      const from = { node: source?.node.id ?? node.id, scope: (source?.scope ?? scope).id };
      if (text !== "" || takesBack > 0) chunks.push({ text, ...from, selector: segment, takesBack });
    };
    const value = find(difyView(state, scope), segment);
    if (value !== undefined) {
      const whole = renderValue(value, "markdown");
      if (whole.startsWith(session.said)) push(whole.slice(session.said.length));
      else push(whole, session.said.length);
      return true;
    }
    if (source?.task?.status === "skipped") return true;
    if (source && segment[1] === "text") {
      const streamed = this.live.get(`${source.scope.id}/${source.node.id}`) ?? "";
      push(streamed.slice(session.said.length));
      session.said = streamed;
    }
    return false;
  }
}

/** Events behind which a step's text begins anew, or has no part in its result. */
type AttemptEnd = Extract<RunEvent, { type: "task_retried" | "task_parked" | "task_failed" }>;
const ENDS_ATTEMPT: ReadonlySet<string> = new Set<AttemptEnd["type"]>(["task_retried", "task_parked", "task_failed"]);

interface Source {
  readonly scope: ScopeState;
  readonly node: PlanNode;
  readonly task: TaskState | null;
}

/** The node that a reference reads, in the scope itself or around it; null for what is no node. */
function sourceOf(scope: ScopeState, id: string): Source | null {
  const border = workflowScope(scope);
  for (let at = scope; ; at = at.parent!.scope) {
    const node = at.body.byId.get(id);
    if (node) return { scope: at, node, task: at.tasks[node.index] ?? null };
    if (at === border) return null;
  }
}

/** Whether some way from the beginning of the body to the node has nothing left on it that could turn the run away. */
function isOpen(scope: ScopeState, end: EndNode): boolean {
  const { body } = scope;
  const reads = namesRead(end);
  const passed = new Set<PlanNode>(body.entries);
  const queue = [...body.entries];
  for (let node = queue.pop(); node; node = queue.pop()) {
    if (node === end) return true;
    for (const edge of node.outgoing) {
      const next = body.nodes[edge.to]!;
      if (passed.has(next) || !leads(scope, node, edge, reads)) continue;
      passed.add(next);
      queue.push(next);
    }
  }
  return false;
}

function leads(
  scope: ScopeState,
  node: PlanNode,
  edge: Body["nodes"][number]["outgoing"][number],
  reads: ReadonlySet<string>,
): boolean {
  const task = scope.tasks[node.index];
  const hasEnded = task !== undefined && task.endedAt !== null;
  if (hasEnded) return isTaken(edge, node, task);
  return !isBlocking(node, reads);
}

function isBlocking(node: PlanNode, reads: ReadonlySet<string>): boolean {
  if (node.onError.type === "branch") return true;
  switch (node.kind) {
    case "start":
    case "switch":
    case "approval":
    case "for_each":
    case "loop":
    case "end":
      return true;
    case "work":
      return node.step.kind === "work" && node.step.handleFrom !== undefined;
    case "assign":
      return (node.assignments ?? []).some(({ target }) => reads.has(target.slice(0, 2).join(".")));
    default:
      return node.when !== null;
  }
}

/** The variables that a response refers to, as assigners name them. */
function namesRead({ step }: EndNode): ReadonlySet<string> {
  const segments = step.kind === "end" ? responseSegments(step) : [];
  return new Set(segments.flatMap((segment) => (typeof segment === "string" ? [] : [segment.slice(0, 2).join(".")])));
}
