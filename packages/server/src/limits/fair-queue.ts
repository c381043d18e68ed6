import { PRIORITIES, type Priority } from "@weftwork/core";
import { Line, type Arrival } from "./line.ts";
import { Share, Shares } from "./shares.ts";

/** Shares of the classes while all of them wait (8:4:2:1): urgent work goes first, and nothing starves. */
const WEIGHTS: Readonly<Record<Priority, number>> = { interactive: 8, normal: 4, batch: 2, background: 1 };
const RANKS: Readonly<Record<Priority, number>> = Object.fromEntries(
  PRIORITIES.map((priority, rank) => [priority, rank]),
) as Record<Priority, number>;

/** Something that waits for its turn. */
export interface Request extends Arrival {
  readonly tenant: string;
  /** What the tenant's own work is shared between: its workflow, or whatever the caller likes. */
  readonly flow: string;
  readonly priority: Priority;
  /** Kept by the queue: what was booked when it was taken; 0 where nobody else waited. */
  booked: number;
}

export interface FairQueueOptions<T> {
  /** What it will presumably cost, above 0, in any unit. Asked only when others wait as well. */
  readonly cost: (request: T) => number;
  /** Weight of a tenant; left out: all alike. */
  readonly weight?: (tenant: string) => number;
}

type Flows<T extends Request> = Shares<Line<T>>;

/** The classes, by rank. */
interface Class<T extends Request> {
  readonly tenants: Shares<Flows<T>>;
  waiting: number;
  credit: number;
}

/**
 * What waits for a limited thing, shared fairly (O7). Classes are served by smooth weighted round-robin; within a class
 * the tenant that has had the least is next, within a tenant the flow that has had the least, and within a flow the
 * order is that of arrival, less a bonus.
 *
 * Whoever takes a request tells by `settle` what it really cost. The difference in service between two tenants that
 * both wait all the time is then at most about twice the largest request, for each request that is under way.
 *
 * F1. Work-conserving: something is taken whenever something waits that is not held back.
 * F2. While all that waits is of one flow it is a plain list: nothing is booked, for there is nobody to compare with.
 * F3. Costs O(log n) in the tenants, flows and requests that wait. Whoever is idle and owes nothing takes no memory.
 */
export class FairQueue<T extends Request> {
  private readonly options: FairQueueOptions<T>;
  private readonly classes: readonly Class<T>[];
  /** The list of the only flow (F2), and whose it is; null while there are shares. */
  private sole: Line<T> | null = new Line<T>();
  private soleOf: T | null = null;
  private count = 0;
  /** Classes that are held back, a bit for each rank. */
  private held = 0;
  private heldCount = 0;

  constructor(options: FairQueueOptions<T>) {
    this.options = options;
    this.classes = PRIORITIES.map(() => ({ tenants: this.tenants(), waiting: 0, credit: 0 }));
  }

  get waiting(): number {
    return this.count;
  }

  /** Waiting and not held back. */
  get ready(): number {
    return this.count - this.heldCount;
  }

  /** How many tenants are remembered, in all classes together. */
  get tenantsKnown(): number {
    return this.classes.reduce((sum, { tenants }) => sum + tenants.size, 0);
  }

  /** How many of a class wait. */
  waitingIn(priority: Priority): number {
    return this.classes[RANKS[priority]]!.waiting;
  }

  push(request: T): void {
    const rank = RANKS[request.priority];
    this.count += 1;
    this.classes[rank]!.waiting += 1;
    if ((this.held & (1 << rank)) !== 0) this.heldCount += 1;
    if (this.sole) {
      if (this.count === 1) this.soleOf = request;
      const { tenant, flow, priority } = this.soleOf!;
      if (request.tenant === tenant && request.flow === flow && request.priority === priority) {
        this.sole.push(request);
        return;
      }
      this.share(this.sole, this.soleOf!);
    }
    const flows = this.classes[rank]!.tenants.waits(request.tenant).inner;
    flows.waits(request.flow).inner.push(request);
  }

  /** The next one of those that are not held back; undefined when there is none. */
  take(): T | undefined {
    if (this.ready === 0) return undefined;
    this.count -= 1;
    if (this.sole) {
      this.classes[RANKS[this.soleOf!.priority]]!.waiting -= 1;
      if (this.count === 0) this.soleOf = null;
      return this.sole.take();
    }
    const from = this.richest();
    from.waiting -= 1;
    if (from.waiting === 0) from.credit = 0;
    const tenant = from.tenants.next()!;
    const flow = tenant.inner.next()!;
    const request = flow.inner.take();
    request.booked = this.options.cost(request);
    tenant.inner.book(flow, request.booked);
    from.tenants.book(tenant, request.booked);
    return request;
  }

  /** A request that was taken has ended, and this is what it cost. */
  settle(request: T, cost: number): void {
    if (request.booked === 0) return;
    const more = cost - request.booked;
    request.booked = 0;
    const { tenants } = this.classes[RANKS[request.priority]]!;
    const tenant = tenants.find(request.tenant)!;
    tenant.inner.settle(tenant.inner.find(request.flow)!, more);
    tenants.settle(tenant, more);
    if (this.count === 0 && this.classes.every((one) => one.tenants.size === 0)) this.sole = new Line<T>();
  }

  /** Holds these classes back, and no others: they wait, and are not taken. */
  hold(classes: readonly Priority[]): void {
    this.held = classes.reduce((bits, priority) => bits | (1 << RANKS[priority]), 0);
    this.heldCount = this.classes.reduce((sum, one, rank) => sum + (this.isHeld(rank) ? one.waiting : 0), 0);
  }

  /** When the one came that waits longest in its flow and is not held back; null: none waits. O(flows that wait). */
  oldestAt(among: readonly Priority[] = PRIORITIES): number | null {
    if (this.ready === 0) return null;
    let oldest = Infinity;
    if (this.sole) {
      if (among.includes(this.soleOf!.priority)) oldest = this.sole.first()!.at;
    } else
      for (const priority of among) {
        if (this.isHeld(RANKS[priority])) continue;
        for (const { inner } of this.classes[RANKS[priority]]!.tenants.all())
          for (const flow of inner.all()) oldest = Math.min(oldest, flow.inner.first()?.at ?? Infinity);
      }
    return oldest === Infinity ? null : oldest;
  }

  private isHeld(rank: number): boolean {
    return (this.held & (1 << rank)) !== 0;
  }

  /** A second flow has come: the list of the first becomes its share, as it is. */
  private share(line: Line<T>, { tenant, flow, priority }: T): void {
    this.sole = this.soleOf = null;
    const of = this.classes[RANKS[priority]]!.tenants.waits(tenant, line.size).inner;
    of.adopt(new Share(flow, 1, line), line.size);
  }

  private richest(): Class<T> {
    let richest: Class<T> | null = null;
    let total = 0;
    for (const [rank, one] of this.classes.entries()) {
      if (one.waiting === 0 || this.isHeld(rank)) continue;
      const weight = WEIGHTS[PRIORITIES[rank]!];
      one.credit += weight;
      total += weight;
      if (richest === null || one.credit > richest.credit) richest = one;
    }
    richest!.credit -= total;
    return richest!;
  }

  private tenants(): Shares<Flows<T>> {
    const { weight = () => 1 } = this.options;
    const flows = (): Flows<T> => new Shares<Line<T>>((flow) => new Share(flow, 1, new Line<T>()));
    return new Shares<Flows<T>>((tenant) => new Share(tenant, weight(tenant), flows()));
  }
}
