import { randomUUID } from "node:crypto";
import { spread, type Clock } from "../runtime/clock.ts";
import { Looker } from "../runtime/looker.ts";
import { Mask } from "../secrets/mask.ts";
import { tokensOf } from "./address.ts";
import type { AttemptRecord, ClaimedDelivery, DeliveryQueue, Outcome } from "./delivery-queue.ts";
import { callbackPlaceOf, type Directory } from "./directory.ts";
import { CALLBACK, type EndpointTable } from "./endpoint-table.ts";
import { TEST_EVENT } from "./events.ts";
import { signedHeaders } from "./message.ts";
import type { Post, PostReply } from "./post.ts";
import { bareOf, keyOf, valid, type Sealer, type SigningSecret } from "./secrets.ts";

/** Pauses before the next attempt, as Standard Webhooks has them; behind the last one a delivery is dead. */
export const RETRY_MS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map((seconds) => seconds * 1000);
/** A claim that nobody keeps is free after this; it is kept three times as often. */
export const LEASE_MS = 10_000;
const LOOK_MS = 2000;
/** At the same time, in all, to one receiver, and to one that failed the last time. */
const SENDING_MAX = 256;
const LANE_MAX = 8;
const FAILING_MAX = 1;
/** Receivers that are remembered as failing. */
const FAILING_LANES_MAX = 10_000;
/** Characters of an answer in the log. */
const SHOWN_MAX = 500;
const RECORD_TRIES = 3;

export interface SenderOptions {
  readonly queue: DeliveryQueue;
  readonly directory: Directory;
  readonly endpoints: EndpointTable;
  readonly sealer: Sealer;
  readonly post: Post;
  readonly clock: Clock;
  readonly tenant: string;
  /** Pauses before the second attempt, the third, and so on. */
  readonly retryMs: readonly number[];
  readonly ended: (outcome: "delivered" | "retried" | "dead") => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** Where a message goes, and what it is signed with. */
interface Target {
  readonly url: string;
  readonly secrets: readonly SigningSecret[];
}

/**
 * Sends what is due. Each receiver has places of its own, and one that fails has a single one until it answers well
 * again: it delays nobody else.
 */
export class Sender {
  private readonly options: SenderOptions;
  private readonly claim = randomUUID();
  private readonly sending = new Map<string, { readonly lane: string; readonly abort: AbortController }>();
  private readonly lanes = new Map<string, number>();
  private readonly failing = new Set<string>();
  private readonly working = new Set<Promise<void>>();
  private readonly looker: Looker;
  private cancelRenewal: (() => void) | null = null;

  constructor(options: SenderOptions) {
    this.options = options;
    this.looker = new Looker({
      clock: options.clock,
      everyMs: LOOK_MS,
      look: () => this.look(),
      failed: (error) => options.problem("webhooks that are due could not be read; trying again", error),
    });
  }

  start(): void {
    this.looker.start();
  }

  /** Something may be due. A process that was not started to send leaves it to the others. */
  poke(): void {
    this.looker.poke();
  }

  /** Claims nothing more, and lets what is being sent end within the time; the rest is given back. */
  async close(graceMs: number): Promise<void> {
    await this.looker.close();
    const ended = Promise.all(this.working);
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => (cancel = this.options.clock.after(graceMs, resolve)));
    await Promise.race([ended, late]);
    cancel();
    for (const { abort } of this.sending.values()) abort.abort();
    await ended;
    this.cancelRenewal?.();
  }

  /** Makes one attempt of a message that is claimed, and records it. */
  async attempt(delivery: ClaimedDelivery, signal: AbortSignal): Promise<void> {
    const { clock, queue, ended, problem } = this.options;
    const startedAt = clock.now();
    const begun = clock.monotonic();
    const { reply, mask } = await this.send(delivery, signal);
    if (signal.aborted) {
      // Only what ends with the process is given back: otherwise a later attempt here may have the claim by now.
      if (this.looker.isClosed) await queue.release([delivery.id], delivery.claim);
      return;
    }
    const outcome = this.outcomeOf(delivery, reply);
    const attempt: AttemptRecord = {
      startedAt,
      latencyMs: clock.monotonic() - begun,
      status: reply.status,
      error: errorOf(reply, mask),
      answer: shownOf(reply, mask),
    };
    this.note(delivery, outcome);
    for (let tries = 1; ; tries++) {
      try {
        if (!(await queue.record(delivery, attempt, outcome))) return;
        ended(outcome.type === "retry" ? "retried" : outcome.type === "delivered" ? "delivered" : "dead");
        if (outcome.type === "gone") await this.options.directory.changed();
        return;
      } catch (error) {
        // Sent again when the claim has ended: a receiver knows it by its id.
        if (tries === RECORD_TRIES) return problem("an attempt of a webhook could not be recorded", error);
        await new Promise<void>((resolve) => void clock.after(1000, resolve));
      }
    }
  }

  private async look(): Promise<void> {
    const { queue, directory } = this.options;
    if (directory.isEmpty) return;
    for (const lane of await queue.dueLanes()) {
      if (this.looker.isClosed) return;
      const room = Math.min(this.limitOf(lane) - (this.lanes.get(lane) ?? 0), SENDING_MAX - this.sending.size);
      if (room <= 0) continue;
      for (const delivery of await queue.claim(lane, room, this.claim, LEASE_MS)) this.begin(delivery);
    }
  }

  private begin(delivery: ClaimedDelivery): void {
    const { id, lane } = delivery;
    const abort = new AbortController();
    // The claim of another attempt here has ended: that one records nothing any more.
    this.sending.get(id)?.abort.abort();
    const mine = { lane, abort };
    this.sending.set(id, mine);
    this.lanes.set(lane, (this.lanes.get(lane) ?? 0) + 1);
    this.renewSoon();
    const work = this.attempt(delivery, abort.signal)
      .catch((error: unknown) => this.options.problem("a webhook could not be sent", error))
      .finally(() => {
        this.working.delete(work);
        if (this.sending.get(id) === mine) this.sending.delete(id);
        const left = this.lanes.get(lane)! - 1;
        if (left === 0) this.lanes.delete(lane);
        else this.lanes.set(lane, left);
        this.poke();
      });
    this.working.add(work);
  }

  private note({ lane, type }: ClaimedDelivery, outcome: Outcome): void {
    if (outcome.type === "delivered") this.failing.delete(lane);
    else if (type !== TEST_EVENT) {
      // Addresses of runs may be of any number of hosts.
      if (this.failing.size >= FAILING_LANES_MAX) this.failing.clear();
      this.failing.add(lane);
    }
  }

  private limitOf(lane: string): number {
    return this.failing.has(lane) ? FAILING_MAX : LANE_MAX;
  }

  private renewSoon(): void {
    if (this.cancelRenewal) return;
    this.cancelRenewal = this.options.clock.after(LEASE_MS / 3, () => {
      this.cancelRenewal = null;
      if (this.sending.size === 0) return;
      this.renewSoon();
      this.renew().catch((error: unknown) => this.options.problem("claims of webhooks could not be kept", error));
    });
  }

  private async renew(): Promise<void> {
    const before = [...this.sending];
    const held = await this.options.queue.renew(
      before.map(([id]) => id),
      this.claim,
      LEASE_MS,
    );
    // Recorded meanwhile, or taken over: in both cases nothing is left to do here.
    for (const [id, { abort }] of before) if (!held.has(id)) abort.abort();
  }

  private async send(
    delivery: ClaimedDelivery,
    signal: AbortSignal,
  ): Promise<{ readonly reply: PostReply; readonly mask: Mask }> {
    const mask = new Mask();
    try {
      const { url, secrets } = await this.targetOf(delivery);
      for (const secret of secrets) for (const text of [secret.text, bareOf(secret)]) mask.add(text);
      for (const token of tokensOf(url)) mask.add(token);
      const now = this.options.clock.now();
      const keys = valid(secrets, now).map(keyOf);
      const headers = signedHeaders(delivery, keys, Math.floor(now / 1000));
      return { reply: await this.options.post.send({ url, headers, body: delivery.body, signal }), mask };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { reply: { status: null, error: reason, retryAfterMs: null, answer: "", isCut: false }, mask };
    }
  }

  private async targetOf({ endpoint: id, run }: ClaimedDelivery): Promise<Target> {
    const { directory, endpoints, sealer, tenant } = this.options;
    const endpoint = directory.find(id) ?? (await endpoints.find(id));
    if (endpoint === null) throw new Error("the endpoint was removed");
    const { url, secrets } = await directory.content(endpoint);
    if (id !== CALLBACK) return { url: url!, secrets };
    const callback = await endpoints.callback(run);
    if (callback === null) throw new Error("the address of the run was removed");
    return { url: await sealer.unseal(tenant, callback.sealed, callbackPlaceOf(run)), secrets };
  }

  private outcomeOf({ tries, type }: ClaimedDelivery, { status, retryAfterMs }: PostReply): Outcome {
    if (status !== null && status >= 200 && status < 300) return { type: "delivered" };
    // A test tells how it went; it is not tried again, and turns nothing off.
    if (type === TEST_EVENT) return { type: "dead" };
    if (status === 410) return { type: "gone" };
    const pause = this.options.retryMs[tries];
    if (pause === undefined) return { type: "dead" };
    return { type: "retry", delayMs: Math.max(spread(this.options.clock, pause), retryAfterMs ?? 0) };
  }
}

function errorOf({ status, error }: PostReply, mask: Mask): string | null {
  if (error !== null) return mask.text(error).slice(0, SHOWN_MAX);
  if (status! >= 200 && status! < 300) return null;
  if (status! >= 300 && status! < 400) return `it answered ${status}; redirects are not followed`;
  return `it answered ${status}`;
}

/** The first characters of an answer. Where it was cut, what may be the beginning of a secret is left out. */
function shownOf({ answer, isCut }: PostReply, mask: Mask): string {
  const stream = mask.stream();
  const shown = stream.push(answer) + (isCut ? "" : stream.end());
  return shown.replaceAll("\0", "\u{FFFD}").slice(0, SHOWN_MAX);
}
