import type { Json } from "@weftwork/core";
import { memoryBlobs } from "../blob/memory.ts";
import { memoryCatalogue } from "../db/catalogue-memory.ts";
import type { Journal } from "../journal/journal.ts";
import { memoryJournal, type MemoryJournal, type MemoryMembership } from "../journal/memory.ts";
import { memoryLive } from "../live/memory.ts";
import type { NodeExecutor, Outcome, TaskPart } from "../nodes/node.ts";
import { memoryStreamLog } from "../streamlog/memory.ts";
import { nodeRegistry } from "../nodes/registry.ts";
import { templateNode } from "../nodes/template.ts";
import { Worker } from "../worker/worker.ts";
import type { Clock } from "./clock.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import type { RunNotice } from "./owner.ts";

export const LEASE_MS = 12_000;
export const TENANT = "acme";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that the test moves. What is to happen soon happens in the next turn of the event loop. */
export class HandClock implements Clock {
  private time: number;
  private readonly timers = new Set<Timer>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.time = start;
  }

  readonly now = (): number => this.time;
  readonly monotonic = (): number => this.time;

  readonly after = (ms: number, callback: () => void): (() => void) => {
    const timer = { at: this.time + Math.max(0, ms), callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  };

  readonly soon = (callback: () => void): void => void setImmediate(callback);

  /** Moves on by so much; whatever becomes due on the way happens at its time, and has its consequences. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await turn();
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await turn();
    }
    this.time = end;
    await turn();
  }
}

/** Lets everything happen that can happen without time going on. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** Answers what a call of `append` does in place of the journal's own. */
export type Intercept = (
  append: Journal["append"],
  ...args: Parameters<Journal["append"]>
) => ReturnType<Journal["append"]>;

/** One process in a test. */
export interface TestProcess {
  readonly engine: Engine;
  readonly membership: MemoryMembership;
  readonly problems: string[];
  /** Dies at once: hears and does nothing any more. */
  crash(): void;
}

/** Engines of several processes over one memory journal, with steps that the test ends. */
export class TestBench {
  readonly clock = new HandClock();
  readonly journal: MemoryJournal = memoryJournal({ now: this.clock.now });
  /** Keys of the calls of `step`, in order. */
  readonly calls: string[] = [];
  /** Steps of these ids do not answer by themselves; the test ends them by `release`. */
  readonly held = new Set<string>();
  /** What steps of these ids say when they are called. */
  readonly says = new Map<string, readonly (string | TaskPart)[]>();
  /** Told when a step is called, before it answers. */
  onCall: (node: string, process: TestProcess) => void = () => {};
  intercept: Intercept = (append, ...args) => append(...args);
  private readonly open = new Map<string, (outcome: Outcome) => void>();
  private readonly catalogue = memoryCatalogue();
  private readonly blobs = memoryBlobs();
  readonly streamLog = memoryStreamLog();
  private processes = 0;

  /** Starts a process. Its lease is renewed only by `membership.renew()`. */
  async start(more: Pick<EngineOptions, "observer" | "callbacks" | "claimable" | "own"> = {}): Promise<TestProcess> {
    let alive = true;
    const { clock } = this;
    const problems: string[] = [];
    const mine: Clock = {
      now: clock.now,
      monotonic: clock.monotonic,
      after: (ms, callback) => clock.after(ms, () => alive && callback()),
      soon: (callback) => clock.soon(() => alive && callback()),
    };
    const journal = this.journalOf(() => alive);
    this.processes += 1;
    const incarnation = String(this.processes);
    const membership = await this.journal.join({ name: "test", incarnation, pid: 1, leaseMs: LEASE_MS });
    const registry = nodeRegistry([
      templateNode(),
      this.step(
        () => alive,
        () => process,
      ),
    ]);
    const engine = new Engine({
      journal,
      membership,
      join: () => this.journal.join({ name: "test", incarnation: `${incarnation}+`, pid: 1, leaseMs: LEASE_MS }),
      blobs: this.blobs,
      catalogue: this.catalogue,
      live: memoryLive<RunNotice>(),
      streamLog: this.streamLog,
      registry,
      clock: mine,
      tenant: TENANT,
      worker: (reports) =>
        new Worker({ registry, clock: mine, pools: { default: 100 }, resultBytesMax: 1e7, ...reports }),
      lanes: 1,
      limits: { runsMax: 1000, payloadBytesMax: 1e7, objectBytesMin: Infinity, recoveryBytesMax: 1e7 },
      problem: (message) => problems.push(message),
      ...more,
    });
    const process: TestProcess = { engine, membership, problems, crash: () => void (alive = false) };
    engine.start();
    await turn();
    return process;
  }

  async publish(process: TestProcess, workflow: object): Promise<void> {
    await process.engine.workflows.publish(JSON.stringify(workflow));
  }

  /** Ends a held step, by the key of its call. */
  async release(key: string, output: Json = "done"): Promise<void> {
    const resolve = this.open.get(key);
    if (!resolve) throw new Error(`${key} is not being done; these are: ${[...this.open.keys()].join(", ")}`);
    this.open.delete(key);
    resolve({ type: "completed", output });
    await turn();
  }

  /** Texts of the rows of a run. */
  async rows(id: string): Promise<readonly { readonly seq: number; readonly epoch: number; readonly body: string }[]> {
    const head = await this.journal.head(TENANT, id);
    return head ? (await this.journal.read(head.runKey)).rows : [];
  }

  private journalOf(alive: () => boolean): Journal {
    const inner = this.journal;
    const journal = Object.create(inner) as Journal;
    return new Proxy(journal, {
      get: (_, name: keyof Journal) => {
        const member: unknown = inner[name];
        if (typeof member !== "function") return member;
        if (name === "onInbox")
          return (listener: (key: number) => void) => inner.onInbox!((key) => alive() && listener(key));
        return (...args: never[]): unknown => {
          if (!alive()) return new Promise(() => {});
          const call = member.bind(inner) as (...given: never[]) => Promise<unknown>;
          const answer =
            name === "append"
              ? this.intercept(call as never, ...(args as unknown as Parameters<Journal["append"]>))
              : call(...args);
          return answer.then((value) => (alive() ? value : new Promise(() => {})));
        };
      },
    });
  }

  private step(alive: () => boolean, process: () => TestProcess): NodeExecutor {
    return {
      type: "step",
      version: 1,
      effect: "effect",
      pool: "default",
      timeoutMs: null,
      execute: (task) => {
        if (!alive()) return new Promise(() => {});
        this.calls.push(task.key);
        this.onCall(task.node, process());
        if (!alive()) return new Promise(() => {});
        for (const said of this.says.get(task.node) ?? [])
          task.emit(typeof said === "string" ? { type: "text_delta", text: said } : said);
        if (!this.held.has(task.node)) return { type: "completed", output: task.config["value"] ?? task.node };
        return new Promise((resolve) => this.open.set(task.key, resolve));
      },
    };
  }
}
