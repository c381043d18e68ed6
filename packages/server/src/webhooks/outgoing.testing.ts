import { AppError } from "@weftwork/core";
import type { Database } from "../db/database.ts";
import { memoryDatabase } from "../db/database-sqlite.ts";
import { httpGuard } from "../nodes/http-guard.ts";
import { TestBench, turn, type TestProcess } from "../runtime/engine.testing.ts";
import { outgoingWebhooks, type OutgoingWebhooks } from "./outgoing.ts";
import type { PostReply, PostRequest } from "./post.ts";
import type { Sealer } from "./secrets.ts";
import { RETRY_MS } from "./sender.ts";

/** Seals nothing, but opens only at the place it was sealed for. */
export const openSealer: Sealer = {
  seal: async (tenant, text, place) => JSON.stringify([tenant, ...place, text]),
  async unseal(tenant, sealed, place) {
    const parts = JSON.parse(sealed) as readonly string[];
    if (JSON.stringify(parts.slice(0, -1)) !== JSON.stringify([tenant, ...place])) throw new Error("sealed elsewhere");
    return parts.at(-1)!;
  },
};

/** What a receiver got. */
export interface Received {
  readonly url: string;
  readonly id: string;
  readonly type: string;
  readonly run: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly at: number;
  /** Index of the process that sent it. */
  readonly from: number;
}

export interface WebhookProcess extends TestProcess {
  readonly webhooks: OutgoingWebhooks;
}

export function answered(status: number, more: Partial<PostReply> = {}): PostReply {
  return { status, error: null, retryAfterMs: null, answer: "", isCut: false, ...more };
}

/** What a process of the bench can run. */
const ONE = { name: "one", steps: [{ id: "a", type: "step" }] };
const TWO = { name: "two", steps: [{ id: "a", type: "step" }] };
const ASKING = { name: "asking", steps: [{ id: "ok", type: "approval", title: "go on?" }] };

/** Engines that send webhooks, over one journal and one database, with receivers that answer as a test says. */
export class WebhookBench {
  readonly bench = new TestBench();
  readonly got: Received[] = [];
  readonly problems: string[] = [];
  answer: (request: PostRequest, from: number) => PostReply | Promise<PostReply> = () => answered(200);
  /** Pauses between attempts, for processes that are started from then on. */
  retryMs: readonly number[] = RETRY_MS;
  /** The database takes nothing. */
  failing = false;
  private database: Promise<Database> | null = null;
  private count = 0;

  /** Starts a process. `deaf`: it dies before it stores what it is told. */
  async start({ deaf = false }: { readonly deaf?: boolean } = {}): Promise<WebhookProcess> {
    const from = this.count++;
    const { clock, journal } = this.bench;
    let process: TestProcess | null = null;
    let crashed = false;
    const alive = (): boolean => !crashed;
    const database = await (this.database ??= memoryDatabase());
    const webhooks = outgoingWebhooks({
      // A process that has died says nothing to the database any more.
      database: {
        call: (work) => {
          if (this.failing) return Promise.reject(new AppError("STORE_UNAVAILABLE", { reason: "down" }));
          return alive() ? database.call(work) : new Promise(() => {});
        },
        close: () => database.close(),
      },
      journal,
      sealer: openSealer,
      guard: httpGuard({ allow: ["127.0.0.1:9000"] }),
      clock: {
        now: clock.now,
        monotonic: clock.monotonic,
        after: (ms, callback) => clock.after(ms, () => alive() && callback()),
        soon: (callback) => clock.soon(() => alive() && !deaf && callback()),
      },
      post: {
        send: async (request) => {
          const { type, data } = JSON.parse(request.body) as { type: string; data: { id?: string } };
          const { url, body, headers } = request;
          this.got.push({
            url,
            body,
            headers,
            type,
            id: headers["webhook-id"]!,
            run: data.id ?? "",
            at: clock.now(),
            from,
          });
          const reply = await this.answer(request, from);
          return alive() ? reply : new Promise(() => {});
        },
        close: async () => {},
      },
      tenant: "acme",
      isShared: false,
      retryMs: this.retryMs,
      problem: (message) => void this.problems.push(message),
    });
    await webhooks.open();
    process = await this.bench.start({
      observer: webhooks.teller,
      callbacks: { keep: (run, url) => webhooks.service.keepCallback(run, url) },
    });
    webhooks.start();
    await turn();
    const { crash } = process;
    return {
      ...process,
      webhooks,
      crash() {
        crashed = true;
        crash();
      },
    };
  }

  /** Starts a process with the workflows `one`, `two` and `asking`. */
  async opened(options: { readonly deaf?: boolean } = {}): Promise<WebhookProcess> {
    const process = await this.start(options);
    for (const workflow of [ONE, TWO, ASKING]) await this.bench.publish(process, workflow);
    return process;
  }

  /** Begins a run, and lets a moment pass. */
  async run({ engine }: WebhookProcess, id: string, workflow = "one", more = {}): Promise<void> {
    await engine.runs.start({ workflow, id, inputs: {}, ...more });
    await this.bench.clock.advance(100);
  }

  /** What was received, as `run type`. */
  get told(): readonly string[] {
    return this.got.map(({ run, type }) => `${run} ${type}`);
  }

  async close(): Promise<void> {
    await (await this.database)?.close();
  }
}

export { turn };
