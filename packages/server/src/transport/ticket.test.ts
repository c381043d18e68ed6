import { PRIORITIES } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMessage, encodePack, encodeTickets, MESSAGE_MAX, packTickets } from "./ticket.ts";
import type { Ticket } from "./transport.ts";

const name = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
const tickets = fc.array(
  fc.record({
    tenant: name,
    pool: fc.constantFrom("default", "gpu", "a:b/ü"),
    priority: fc.constantFrom(...PRIORITIES),
    runKey: fc.nat(Number.MAX_SAFE_INTEGER),
    task: name,
  }),
  { maxLength: 60 },
);

const ticket = (fields: Partial<Ticket> = {}): Ticket => ({
  tenant: "acme",
  pool: "gpu",
  priority: "normal",
  runKey: 7,
  task: "read#1",
  ...fields,
});

describe("messages of tickets", () => {
  test("what is encoded is read again, ticket by ticket, in the order of its pool and class", () => {
    fc.assert(
      fc.property(tickets, fc.integer({ min: 1, max: 20 }), (all, packMax) => {
        const read = encodeTickets(all, packMax).flatMap(({ pool, body }) => {
          const pack = decodeMessage(body, pool);
          if ("malformed" in pack) throw new Error(pack.malformed);
          expect(pack.tickets.length).toBeLessThanOrEqual(packMax);
          return pack.tickets;
        });
        const lines = (of: readonly Ticket[]) => Map.groupBy(of, ({ pool, priority }) => `${pool} ${priority}`);
        expect(Object.fromEntries(lines(read))).toEqual(Object.fromEntries(lines(all)));
      }),
    );
  });

  test("long names fill a message sooner than packMax does, and every message can be read", () => {
    const all = Array.from({ length: 100 }, (_, at) => ticket({ runKey: at, task: "ü".repeat(3000) }));
    const messages = encodeTickets(all, 1000);
    expect(messages.length).toBeGreaterThan(1);
    for (const { body } of messages) expect(body.length).toBeLessThanOrEqual(MESSAGE_MAX);
    expect(packTickets(all, 1000).flatMap((pack) => pack.tickets)).toEqual(all);
  });

  test.each([
    { says: "that is empty", bad: ticket({ task: "" }) },
    { says: "with a key that is no whole number", bad: ticket({ runKey: 1.5 }) },
    { says: "that fills more than a message", bad: ticket({ task: "x".repeat(MESSAGE_MAX) }) },
  ])("a ticket $says is refused where it is sent, not where it arrives", ({ bad }) => {
    expect(() => encodePack({ pool: bad.pool, priority: bad.priority, tickets: [bad] })).toThrow("cannot be sent");
  });

  const good = { v: 1, p: "gpu", c: "normal", t: [["acme", 7, "read#1"]] };
  test.each([
    ["not JSON", "{", "it is not JSON"],
    ["nothing", "", "it is not JSON"],
    ["a number", "1", "not an object"],
    ["a list", "[]", "not an object"],
    ["null", "null", "not an object"],
    ["a later version", JSON.stringify({ ...good, v: 2 }), "its version is 2; this process knows 1"],
    ["a version as text", JSON.stringify({ ...good, v: "1" }), 'its version is "1"'],
    ["no version", JSON.stringify({ p: "gpu" }), "its version is absent"],
    ["another pool", JSON.stringify({ ...good, p: "cpu" }), 'it is of the pool "cpu", and came from "gpu"'],
    ["an unknown class", JSON.stringify({ ...good, c: "urgent" }), '"urgent" is no class'],
    ["an unknown field", JSON.stringify({ ...good, x: 1 }), 'the field "x" is not known'],
    ["no tickets", JSON.stringify({ ...good, t: [] }), "no list of tickets"],
    ["too many tickets", JSON.stringify({ ...good, t: Array.from({ length: 1001 }, () => 0) }), "no list of tickets"],
    ["a ticket that is none", JSON.stringify({ ...good, t: [null] }), "ticket 0 cannot be read: null"],
    ["a ticket too long", JSON.stringify({ ...good, t: [["acme", 7, "a", 1]] }), "ticket 0 cannot be read"],
    ["a tenant that is no text", JSON.stringify({ ...good, t: [[7, 7, "a"]] }), "ticket 0 cannot be read"],
    ["a negative key", JSON.stringify({ ...good, t: [["a", -1, "a"]] }), "ticket 0 cannot be read"],
    ["too large", " ".repeat(MESSAGE_MAX + 1), "65537 characters; 65536 are allowed"],
  ])("a message that is %s is told by its reason", (_, text, reason) => {
    expect(decodeMessage(text, "gpu")).toEqual({ malformed: expect.stringContaining(reason) });
  });

  test("no text makes the reader throw", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeMessage(text, "gpu")));
  });
});
