import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../simulation/random.ts";
import type { Evidence, Failing } from "./evidence.ts";
import type { Monitor } from "./monitor.ts";

const PATIENCE_MS = 10_000;
const AGAIN_MS = 200;
/** Answers after which a request is sent again: the server or its store is away, or has no room. */
const AGAIN: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface LoadOptions {
  readonly urls: readonly string[];
  readonly monitor: Monitor;
  readonly random: Random;
  /** Runs that are open at the same time. */
  readonly open: number;
  /** How often each workflow comes. */
  readonly mix: Readonly<Record<string, number>>;
  readonly prefix: string;
}

/** Clients that keep so many runs open, repeat what was not answered, and note what was. */
export class Load {
  readonly accepted: Evidence["accepted"][number][] = [];
  readonly signals: (Evidence["signals"][number] & { readonly at: number })[] = [];
  /** Runs that were asked to end early: they may. */
  readonly cancelled = new Set<string>();
  /** Runs that cannot succeed. */
  readonly failing = new Map<string, Failing>();
  /** Answers that no client should have had. */
  readonly wrong: string[] = [];
  /** Milliseconds of the requests that were answered with 2xx. */
  readonly answerMs: number[] = [];
  private readonly options: LoadOptions;
  private readonly under = new Set<Promise<void>>();
  private stopped = false;
  private offering: Promise<void> = Promise.resolve();
  private count = 0;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  start(): void {
    this.offering = this.offer();
  }

  /** Begins nothing more; resolves when everything begun was answered. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.offering;
    await Promise.all(this.under);
  }

  /** Begins nothing more, whatever becomes of what was begun. */
  abandon(): void {
    this.stopped = true;
  }

  private async offer(): Promise<void> {
    const { monitor, open, random, mix } = this.options;
    // What was accepted since the last look is not in what the monitor has seen.
    let [seen, before] = [0, 0];
    for (; !this.stopped; await sleep(50)) {
      if (monitor.open !== seen) [seen, before] = [monitor.open, this.accepted.length];
      const missing = open - monitor.open - this.under.size - (this.accepted.length - before);
      for (let left = Math.min(missing, 8); left > 0; left--) this.begin(random.weighted(mix));
    }
  }

  private begin(workflow: string): void {
    const id = `${this.options.prefix}-${workflow}-${++this.count}`;
    const work = this.one(id, workflow).finally(() => this.under.delete(work));
    this.under.add(work);
  }

  private async one(id: string, workflow: string): Promise<void> {
    if (!(await this.send("/api/runs", { workflow, id, inputs: {} }, id))) return;
    this.accepted.push({ id, workflow, at: Date.now() });
    if (workflow !== "gate") return;
    await sleep(this.options.random.between(0, 3000));
    const [signal, at] = [`${id}-go`, Date.now()];
    const body = { name: "go", id: signal, payload: {} };
    if (await this.send(`/api/runs/${id}/signals`, body, id)) this.signals.push({ run: id, id: signal, at });
  }

  /** Sent until it is answered with 2xx, to one server or the other. False: it was refused for good. */
  private async send(path: string, body: object, id: string): Promise<boolean> {
    for (let tries = 1; ; tries++, await sleep(AGAIN_MS)) {
      const began = performance.now();
      try {
        const response = await fetch(`${this.options.random.pick(this.options.urls)}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        const text = await response.text();
        if (response.ok) {
          this.answerMs.push(performance.now() - began);
          return true;
        }
        if (AGAIN.has(response.status)) continue;
        // A signal that was taken, whose answer was lost, comes again behind the end of its run.
        if (response.status === 409 && (tries > 1 || this.cancelled.has(id))) return false;
        this.wrong.push(`${path} was answered with ${response.status}: ${text.slice(0, 300)}`);
        return false;
      } catch {
        // Nobody listens, or nobody answers: asked again.
      }
    }
  }
}
