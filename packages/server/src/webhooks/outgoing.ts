import { randomUUID } from "node:crypto";
import { processClock, serverClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import type { Journal } from "../journal/journal.ts";
import type { HttpGuard } from "../nodes/http-guard.ts";
import type { Clock } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";
import { Counters } from "../telemetry/series.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import { Directory } from "./directory.ts";
import { EndpointTable } from "./endpoint-table.ts";
import { httpPost, type Post } from "./post.ts";
import { Scanner } from "./scanner.ts";
import type { Sealer } from "./secrets.ts";
import { RETRY_MS, Sender } from "./sender.ts";
import { WebhookService } from "./service.ts";
import { Teller } from "./teller.ts";
import { WatchTable } from "./watch-table.ts";

/** How long deliveries and their attempts are kept. */
const KEEP_MS = 30 * 24 * 3_600_000;
const PRUNE_FIRST_MS = 120_000;
const PRUNE_EVERY_MS = 3_600_000;
/** A delivery that is on its way when the server ends has so long; its receiver has as long at most. */
const CLOSE_MS_MAX = 15_000;

export interface OutgoingOptions {
  readonly database: Database;
  readonly journal: Pick<Journal, "find" | "head" | "read">;
  readonly sealer: Sealer;
  readonly guard: HttpGuard;
  /** Left out: over HTTP. */
  readonly post?: Post;
  readonly clock: Clock;
  readonly tenant: string;
  /** Several processes share the database, and its clock decides. */
  readonly isShared: boolean;
  /** Tells the other processes to look at the endpoints again: they call `directory.refresh`. */
  readonly tell?: () => void;
  /** Pauses between attempts. Left out: those of the standard. */
  readonly retryMs?: readonly number[];
  readonly problem: (message: string, error: unknown) => void;
}

/** Webhooks that this server sends: the parts, put together. */
export interface OutgoingWebhooks {
  readonly service: WebhookService;
  /** Told of every run that is recorded here. */
  readonly teller: Teller;
  readonly scanner: Scanner;
  readonly sender: Sender;
  readonly directory: Directory;
  /** What was sent here, in the text format of Prometheus. */
  metrics(): readonly string[];
  /** Another process has changed the endpoints. */
  refresh(): void;
  /** Reads the endpoints. Called before runs are taken over; nothing is sent yet. */
  open(): Promise<void>;
  /** Begins to send, and to look for what a crash has kept from being told. */
  start(): void;
  /** Stores what was told. Called when no run is recorded any more. */
  close(graceMs: number): Promise<void>;
}

export function outgoingWebhooks(options: OutgoingOptions): OutgoingWebhooks {
  const { database, journal, sealer, guard, clock, tenant, isShared, problem } = options;
  const tables = { database, tenant, time: isShared ? serverClock : processClock(() => clock.now()) };
  const endpoints = new EndpointTable(tables);
  const queue = new DeliveryQueue({ ...tables, skipsLocked: isShared });
  const log = new DeliveryLog(tables);
  const watch = new WatchTable(tables);
  const tell = options.tell ?? (() => {});
  const directory = new Directory({ table: endpoints, sealer, tenant, clock, tell, problem });
  const post = options.post ?? httpPost(guard);
  const counted = new Counters(
    "weft_webhook_deliveries_total",
    "Attempts of outgoing webhooks, by what became of them.",
    ["outcome"],
  );
  const ended = (outcome: string): void => counted.add([outcome]);
  const retryMs = options.retryMs ?? RETRY_MS;
  const sender = new Sender({
    queue,
    directory,
    endpoints,
    sealer,
    post,
    clock,
    tenant,
    retryMs,
    ended,
    problem,
  });
  const added = (): void => sender.poke();
  const teller = new Teller({ journal, directory, endpoints, queue, log, clock, added, problem });
  const holder = randomUUID();
  const scanner = new Scanner({ journal, directory, endpoints, watch, log, teller, clock, tenant, holder, problem });
  const pruning: Recurring = new Recurring({
    clock,
    firstMs: PRUNE_FIRST_MS,
    everyMs: PRUNE_EVERY_MS,
    async work() {
      await log.prune(KEEP_MS, () => pruning.isClosed);
      await log.pruneCallbacks(KEEP_MS);
    },
    failed: (error) => problem("old webhook deliveries could not be deleted; trying again in an hour", error),
  });
  return {
    service: new WebhookService({ endpoints, queue, log, directory, sender, sealer, guard, clock, tenant }),
    teller,
    scanner,
    sender,
    directory,
    metrics: () => counted.lines(),
    refresh() {
      // Read again in a few seconds anyhow.
      directory.refresh().catch((error: unknown) => problem("the webhook endpoints could not be read", error));
    },
    open: () => directory.start(),
    start() {
      sender.start();
      scanner.start();
      pruning.start();
    },
    async close(graceMs) {
      await Promise.all([pruning.close(), scanner.close(), teller.close()]);
      await sender.close(Math.min(graceMs, CLOSE_MS_MAX));
      await directory.close();
      await post.close();
    },
  };
}
