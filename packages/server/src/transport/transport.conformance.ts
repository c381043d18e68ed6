import { setTimeout as sleep } from "node:timers/promises";
import { PRIORITIES, type Priority } from "@weftwork/core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { hangingProcess } from "./hang.testing.ts";
import { CLASS_WEIGHTS } from "./turns.ts";
import type { Ticket, Transport } from "./transport.ts";

export interface TransportUnderTest {
  /** A transport as another process would have it; where there is none, the one and only. */
  connect(told: (message: string) => void, packMax?: number): Promise<Transport>;
  /** Puts a text where the messages of a pool wait. Left out where nobody else can. */
  plant?(pool: string, text: string): Promise<void>;
  /** What was put aside in the pool. */
  aside?(pool: string): Promise<readonly { readonly reason: string; readonly body: string }[]>;
  /** How a process of its own opens it, for the program of `hang.testing.ts`. */
  readonly other?: readonly string[];
  close(): Promise<void>;
}

let pools = 0;
const newPool = (): string => `pool ${(pools += 1)}/ü:%`;

export function ticketsOf(pool: string, count: number, priority: Priority = "normal"): readonly Ticket[] {
  return Array.from({ length: count }, (_, at) => ({
    tenant: "acme",
    pool,
    priority,
    runKey: 7_000_000_000_000 + at,
    task: `each-doc[${at}]/read#1`,
  }));
}

const until = (condition: () => void | Promise<void>, timeout = 20_000): Promise<void> =>
  vi.waitFor(condition, { timeout, interval: 20 });

/** What every transport promises; the names are those of the port. */
export function transportConformance(name: string, open: () => Promise<TransportUnderTest>): void {
  describe(name, () => {
    let under: TransportUnderTest;
    const opened: Transport[] = [];
    const told: string[] = [];
    const connect = async (packMax?: number): Promise<Transport> => {
      const transport = await under.connect((message) => told.push(message), packMax);
      opened.push(transport);
      return transport;
    };
    beforeAll(async () => {
      under = await open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((transport) => transport.close()));
      told.length = 0;
    });
    afterAll(() => under.close());

    test("what is published is handed out as it was, to a consumer that came before or after", async () => {
      const transport = await connect();
      for (const early of [true, false]) {
        const pool = newPool();
        const got: Ticket[] = [];
        const consume = () =>
          transport.consume(pool, { prefetch: 4, handle: async (tickets) => void got.push(...tickets) });
        if (early) consume();
        const sent = [...ticketsOf(pool, 20), ...ticketsOf(pool, 3, "background")];
        await transport.publish(sent);
        if (!early) consume();
        await until(() => expect(got.length).toBe(23));
        expect(got.map(({ task }) => task).toSorted()).toEqual(sent.map(({ task }) => task).toSorted());
        expect(got).toEqual(expect.arrayContaining([sent[0], sent[22]]));
        await until(async () => expect(await transport.depth(pool)).toBe(0));
      }
    });

    test("tickets of a pool and class travel together, up to packMax; other pools stay apart", async () => {
      const transport = await connect(16);
      const [pool, other] = [newPool(), newPool()];
      const packs: (readonly Ticket[])[] = [];
      transport.consume(pool, { prefetch: 8, handle: async (tickets) => void packs.push(tickets) });
      await transport.publish([...ticketsOf(pool, 40), ...ticketsOf(other, 5), ...ticketsOf(pool, 2, "interactive")]);
      await until(() => expect(packs.flat().length).toBe(42));
      expect(packs.map(({ length }) => length).toSorted((a, b) => b - a)).toEqual([16, 16, 8, 2]);
      for (const pack of packs) expect(new Set(pack.map(({ priority }) => priority)).size).toBe(1);
      expect(packs.flat().every((ticket) => ticket.pool === pool)).toBe(true);
      expect(await transport.depth(other)).toBeGreaterThan(0);
    });

    test("a message whose handler fails is handed out again, after a pause", async () => {
      const transport = await connect();
      const pool = newPool();
      const at: number[] = [];
      let healed = false;
      transport.consume(pool, {
        prefetch: 4,
        async handle() {
          at.push(performance.now());
          if (!healed) throw new Error("not now");
        },
      });
      await transport.publish(ticketsOf(pool, 3));
      await until(() => expect(at.length).toBeGreaterThanOrEqual(3));
      // No timing is asserted from above: a hot loop would have made hundreds in that time.
      expect(at[2]! - at[0]!).toBeGreaterThan(200);
      expect(told.join("\n")).toContain("handed out again");
      healed = true;
      await until(async () => expect(await transport.depth(pool)).toBe(0));
    });

    test("a failing message does not keep others from being handled", async () => {
      const transport = await connect(1);
      const pool = newPool();
      const done = new Set<string>();
      transport.consume(pool, {
        prefetch: 1,
        async handle([ticket]) {
          if (ticket!.runKey % 2 === 0) throw new Error("never");
          done.add(ticket!.task);
        },
      });
      await transport.publish(ticketsOf(pool, 20));
      await until(() => expect(done.size).toBe(10));
    });

    test("a consumer that hangs holds no more than its prefetch, and others go on (F49)", async () => {
      const [hanging, other] = [await connect(1), await connect(1)];
      const pool = newPool();
      let held = 0;
      const never = new Promise<void>(() => undefined);
      hanging.consume(pool, { prefetch: 5, handle: () => ((held += 1), never) });
      await hanging.publish(ticketsOf(pool, 50));
      await until(() => expect(held).toBe(5));
      const done = new Set<string>();
      other.consume(pool, { prefetch: 5, handle: async ([ticket]) => void done.add(ticket!.task) });
      await until(() => expect(done.size).toBe(45));
      expect(held).toBe(5);
    });

    test("while all classes have messages they get 8:4:2:1, and none starves", async () => {
      const transport = await connect(1);
      const pool = newPool();
      for (const priority of PRIORITIES.toReversed()) await transport.publish(ticketsOf(pool, 60, priority));
      const order: Priority[] = [];
      transport.consume(pool, { prefetch: 1, handle: async ([ticket]) => void order.push(ticket!.priority) });
      await until(() => expect(order.length).toBe(240));
      const first = order.slice(0, 60);
      for (const [rank, weight] of CLASS_WEIGHTS.entries()) {
        const count = first.filter((one) => one === PRIORITIES[rank]).length;
        expect(Math.abs(count - 4 * weight), `${PRIORITIES[rank]}: ${count} of 60`).toBeLessThanOrEqual(3);
      }
    });

    test("an urgent message that comes late is handed out among the next", async () => {
      const transport = await connect(1);
      const pool = newPool();
      await transport.publish(ticketsOf(pool, 40, "background"));
      const order: Priority[] = [];
      const step: (() => void)[] = [];
      transport.consume(pool, {
        prefetch: 1,
        handle([ticket]) {
          order.push(ticket!.priority);
          return new Promise((resolve) => step.push(resolve));
        },
      });
      await until(() => expect(order.length).toBe(1));
      await transport.publish(ticketsOf(pool, 1, "interactive"));
      for (let at = 1; at <= 3; at++) {
        step.shift()!();
        await until(() => expect(order.length).toBe(at + 1));
      }
      expect(order).toContain("interactive");
    });

    test("a ticket that is published twice comes twice, and both can be finished", async () => {
      const transport = await connect();
      const pool = newPool();
      let got = 0;
      transport.consume(pool, { prefetch: 2, handle: async (tickets) => void (got += tickets.length) });
      await transport.publish(ticketsOf(pool, 1));
      await transport.publish(ticketsOf(pool, 1));
      await until(() => expect(got).toBe(2));
      await until(async () => expect(await transport.depth(pool)).toBe(0));
    });

    test("messages that are no tickets are put aside with the reason, and the consumer goes on (F45)", async (context) => {
      const { plant, aside } = under;
      if (!plant || !aside) return context.skip("nobody else can write to it");
      const transport = await connect();
      const pool = newPool();
      const strange: Readonly<Record<string, string>> = {
        "it is not an object": JSON.stringify(["a", "list"]),
        "its version is 2": JSON.stringify({ v: 2, tickets: [] }),
        'it is of the pool "elsewhere"': JSON.stringify({ v: 1, p: "elsewhere", c: "normal", t: [["a", 1, "b"]] }),
        "ticket 0 cannot be read": JSON.stringify({ v: 1, p: pool, c: "normal", t: [["a", -1, "b"]] }),
        "characters; 65536 are allowed": JSON.stringify({ v: 1, p: pool, c: "normal", t: "x".repeat(70_000) }),
      };
      for (const text of Object.values(strange)) await plant(pool, text);
      await transport.publish(ticketsOf(pool, 1));
      const got: Ticket[] = [];
      transport.consume(pool, { prefetch: 2, handle: async (tickets) => void got.push(...tickets) });
      await until(() => expect(got.length).toBe(1));
      await until(async () => expect((await aside(pool)).length).toBe(Object.keys(strange).length));
      const reasons = (await aside(pool)).map(({ reason }) => reason);
      for (const reason of Object.keys(strange)) {
        expect(reasons.filter((one) => one.includes(reason))).toHaveLength(1);
        expect(told.join("\n")).toContain(reason);
      }
      await until(async () => expect(await transport.depth(pool)).toBe(0));
    });

    test("10,000 tickets of three producers come to three consumers, none is lost", async () => {
      const transports = await Promise.all([connect(), connect(), connect()]);
      const pool = newPool();
      const got = new Set<string>();
      for (const transport of transports) {
        transport.consume(pool, {
          prefetch: 8,
          async handle(tickets) {
            // One in a hundred fails the first time.
            for (const { runKey, task } of tickets) got.add(`${runKey} ${task}`);
            if (Math.random() < 0.01) throw new Error("once more");
          },
        });
      }
      const all = ticketsOf(pool, 10_000);
      await Promise.all(
        Array.from({ length: 100 }, (_, at) => transports[at % 3]!.publish(all.slice(at * 100, (at + 1) * 100))),
      );
      await until(() => expect(got.size).toBe(10_000), 30_000);
      await until(async () => expect(await transports[0]!.depth(pool)).toBe(0));
    });

    test("depth is the number of messages that nobody has finished", async () => {
      const transport = await connect(1);
      const pool = newPool();
      expect(await transport.depth(pool)).toBe(0);
      await transport.publish(ticketsOf(pool, 12));
      await until(async () => expect(await transport.depth(pool)).toBe(12));
    });

    test("a consumer that is closed waits for what is with its handler, and takes nothing more", async () => {
      const [first, second] = [await connect(1), await connect(1)];
      const pool = newPool();
      const gate = Promise.withResolvers<void>();
      let begun = 0;
      const consumer = first.consume(pool, { prefetch: 3, handle: () => ((begun += 1), gate.promise) });
      await first.publish(ticketsOf(pool, 10));
      await until(() => expect(begun).toBe(3));
      let closed = false;
      const closing = consumer.close().then(() => (closed = true));
      await sleep(50);
      expect(closed).toBe(false);
      gate.resolve();
      await closing;
      expect(begun).toBe(3);
      const rest = new Set<string>();
      second.consume(pool, { prefetch: 3, handle: async ([ticket]) => void rest.add(ticket!.task) });
      await until(() => expect(rest.size).toBe(7));
    });

    test("what a transport had not finished when it was closed is handed to others at once", async (context) => {
      const [first, second] = [await connect(1), await connect(1)];
      if (first === second) return context.skip("it ends with the process");
      const pool = newPool();
      let begun = 0;
      first.consume(pool, { prefetch: 4, handle: () => ((begun += 1), new Promise<void>(() => undefined)) });
      await first.publish(ticketsOf(pool, 6));
      await until(() => expect(begun).toBe(4));
      await first.close();
      const rest = new Set<string>();
      second.consume(pool, { prefetch: 3, handle: async ([ticket]) => void rest.add(ticket!.task) });
      await until(() => expect(rest.size).toBe(6));
      expect(begun).toBe(4);
    });

    test("what a process held that was killed comes to others within half a minute", async (context) => {
      if (!under.other) return context.skip("it ends with the process");
      const transport = await connect(1);
      const pool = newPool();
      await transport.publish(ticketsOf(pool, 4));
      const child = await hangingProcess([...under.other, pool]);
      await child.holds(4);
      await child.kill();
      const rest = new Set<string>();
      transport.consume(pool, { prefetch: 3, handle: async ([ticket]) => void rest.add(ticket!.task) });
      await until(() => expect(rest.size).toBe(4), 30_000);
    });

    test("a transport that is closed takes no tickets", async () => {
      const transport = await connect();
      await transport.close();
      await expect(transport.publish(ticketsOf(newPool(), 1))).rejects.toMatchObject({ code: "TRANSPORT_UNAVAILABLE" });
    });
  });
}
