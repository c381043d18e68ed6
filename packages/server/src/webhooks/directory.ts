import type { Clock } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";
import { CALLBACK, type EndpointTable, type StoredEndpoint } from "./endpoint-table.ts";
import { isWanted } from "./events.ts";
import type { Sealer, SigningSecret } from "./secrets.ts";

/** How old what is known of endpoints may be. */
const REFRESH_MS = 3000;

/** What is sealed of an endpoint. `url` null: each run has its own. */
export interface SealedEndpoint {
  readonly url: string | null;
  readonly secrets: readonly SigningSecret[];
}

export interface DirectoryOptions {
  readonly table: EndpointTable;
  readonly sealer: Sealer;
  readonly tenant: string;
  readonly clock: Clock;
  /** Tells other processes that something has changed. */
  readonly tell: () => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** Where the sealed part of an endpoint belongs. */
export function placeOf(id: string): readonly string[] {
  return ["webhook endpoint", id];
}

export function callbackPlaceOf(run: string): readonly string[] {
  return ["webhook callback", run];
}

/**
 * The endpoints, in memory: whoever records a run asks here, so asking costs nothing. Read again every few seconds, and at
 * once after a change made in this process.
 */
export class Directory {
  private readonly options: DirectoryOptions;
  private all: readonly StoredEndpoint[] = [];
  private enabled: readonly StoredEndpoint[] = [];
  private byWorkflow = new Map<string, readonly StoredEndpoint[]>();
  private readonly opened = new Map<string, { readonly sealed: string; readonly content: SealedEndpoint }>();
  private readonly refreshing: Recurring;
  private reading: Promise<void> = Promise.resolve();
  /** Reads that were begun, and the one that what is known comes from. */
  private begun = 0;
  private known = 0;

  constructor(options: DirectoryOptions) {
    this.options = options;
    this.refreshing = new Recurring({
      clock: options.clock,
      firstMs: REFRESH_MS,
      everyMs: REFRESH_MS,
      work: () => this.refresh(),
      failed: (error) => options.problem("the webhook endpoints could not be read; trying again", error),
    });
  }

  /** No webhook was ever asked for here: nothing has to be looked at. */
  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  /** Those that are told of runs, without `callback`. */
  get endpoints(): readonly StoredEndpoint[] {
    return this.enabled;
  }

  async start(): Promise<void> {
    await this.refresh();
    this.refreshing.start();
  }

  async close(): Promise<void> {
    await this.refreshing.close();
    await this.reading.catch(() => undefined);
  }

  /** Reads them again. */
  refresh(): Promise<void> {
    this.reading = this.read();
    return this.reading;
  }

  /** Something was changed here: read again, in every process. */
  async changed(): Promise<void> {
    await this.refresh();
    this.options.tell();
  }

  /** The endpoints that are told of runs of a workflow. */
  of(workflow: string): readonly StoredEndpoint[] {
    if (this.enabled.length === 0) return this.enabled;
    let found = this.byWorkflow.get(workflow);
    if (!found) {
      found = this.enabled.filter((one) => one.workflow === null || one.workflow === workflow);
      this.byWorkflow.set(workflow, found);
    }
    return found;
  }

  find(id: string): StoredEndpoint | null {
    return this.all.find((one) => one.id === id) ?? null;
  }

  /** Address and secrets of an endpoint. Throws what stands in the way of reading them. */
  async content({ id, sealed }: Pick<StoredEndpoint, "id" | "sealed">): Promise<SealedEndpoint> {
    const before = this.opened.get(id);
    if (before?.sealed === sealed) return before.content;
    const { sealer, tenant } = this.options;
    const content = JSON.parse(await sealer.unseal(tenant, sealed, placeOf(id))) as SealedEndpoint;
    this.opened.set(id, { sealed, content });
    return content;
  }

  private async read(): Promise<void> {
    const turn = ++this.begun;
    const all = await this.options.table.list();
    // One that was begun later has answered sooner: it knows more.
    if (turn < this.known) return;
    this.known = turn;
    this.all = all;
    this.enabled = this.all.filter(({ id, status }) => id !== CALLBACK && status === "enabled");
    this.byWorkflow = new Map();
    const ids = new Set(this.all.map(({ id }) => id));
    for (const id of this.opened.keys()) if (!ids.has(id)) this.opened.delete(id);
  }
}

/** Whether an endpoint wants what happened at a time. */
export function wants({ events, enabledAt }: StoredEndpoint, type: string, at: number): boolean {
  return at >= enabledAt && isWanted(events, type);
}
