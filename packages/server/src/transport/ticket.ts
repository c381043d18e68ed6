import { AppError, PRIORITIES, type Priority } from "@weftwork/core";
import { PACK_MAX, type Ticket } from "./transport.ts";

/** Tickets of one pool and class, as they travel in one message. */
export interface Pack {
  readonly pool: string;
  readonly priority: Priority;
  readonly tickets: readonly Ticket[];
}

/** A pack as a driver sends it. */
export interface Message {
  readonly pool: string;
  /** Place of its class in `PRIORITIES`. */
  readonly rank: number;
  readonly body: string;
}

/** Why a message is no ticket. It is put aside, never thrown. */
export interface Malformed {
  readonly malformed: string;
}

const VERSION = 1;

/** Characters of one message at most. A message that is longer was not written by this product. */
export const MESSAGE_MAX = 64 * 1024;
/** Tickets in one message at most, whatever `packMax` says elsewhere. */
const TICKETS_MAX = 1000;
/** Room of a message for all but its tickets. */
const ENVELOPE = 1024;

/** Packs tickets: those of one pool and class together, in order, up to `packMax` in one message. */
export function packTickets(tickets: readonly Ticket[], packMax = PACK_MAX): readonly Pack[] {
  const most = Math.min(Math.max(1, packMax), TICKETS_MAX);
  const open = new Map<string, { pack: Pack & { tickets: Ticket[] }; size: number }>();
  const packs: Pack[] = [];
  for (const ticket of tickets) {
    const { pool, priority, tenant, task } = ticket;
    // An upper bound: each character takes up to six as JSON.
    const size = 6 * (tenant.length + task.length) + 32;
    const name = `${priority} ${pool}`;
    let last = open.get(name);
    if (!last || last.pack.tickets.length >= most || last.size + size > MESSAGE_MAX - ENVELOPE) {
      last = { pack: { pool, priority, tickets: [] }, size: 6 * pool.length };
      open.set(name, last);
      packs.push(last.pack);
    }
    last.pack.tickets.push(ticket);
    last.size += size;
  }
  return packs;
}

/**
 * The message of a pack: `{"v":1,"p":pool,"c":class,"t":[[tenant, run key, task], …]}`.
 * Throws where a reader would refuse it.
 */
export function encodePack({ pool, priority, tickets }: Pack): string {
  const text = JSON.stringify({
    v: VERSION,
    p: pool,
    c: priority,
    t: tickets.map(({ tenant, runKey, task }) => [tenant, runKey, task]),
  });
  const read = decodeMessage(text, pool);
  if ("malformed" in read) throw new AppError("INTERNAL", { reason: `a ticket cannot be sent: ${read.malformed}` });
  return text;
}

/** Tickets as messages, several in one where a pool has many. */
export function encodeTickets(tickets: readonly Ticket[], packMax?: number): readonly Message[] {
  return packTickets(tickets, packMax).map((pack) => ({
    pool: pack.pool,
    rank: PRIORITIES.indexOf(pack.priority),
    body: encodePack(pack),
  }));
}

/** Reads a message that came from the queue of a pool. Never throws. */
export function decodeMessage(text: string, pool: string): Pack | Malformed {
  if (text.length > MESSAGE_MAX) return malformed(`it has ${text.length} characters; ${MESSAGE_MAX} are allowed`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed("it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return malformed("it is not an object");
  const { v, p, c, t, ...others } = value as Record<string, unknown>;
  if (v !== VERSION) return malformed(`its version is ${shown(v)}; this process knows ${VERSION}`);
  if (p !== pool) return malformed(`it is of the pool ${shown(p)}, and came from ${shown(pool)}`);
  const priority = PRIORITIES.find((one) => one === c);
  if (priority === undefined) return malformed(`${shown(c)} is no class`);
  if (Object.keys(others).length > 0) return malformed(`the field ${shown(Object.keys(others)[0])} is not known`);
  if (!Array.isArray(t) || t.length === 0 || t.length > TICKETS_MAX) return malformed("it has no list of tickets");
  const tickets: Ticket[] = [];
  for (const [at, row] of (t as readonly unknown[]).entries()) {
    const ticket = ticketOf(row, pool, priority);
    if (ticket === null) return malformed(`ticket ${at} cannot be read: ${shown(row)}`);
    tickets.push(ticket);
  }
  return { pool, priority, tickets };
}

function ticketOf(row: unknown, pool: string, priority: Priority): Ticket | null {
  if (!Array.isArray(row) || row.length !== 3) return null;
  const [tenant, runKey, task] = row as readonly unknown[];
  if (typeof tenant !== "string" || tenant === "" || typeof task !== "string" || task === "") return null;
  if (typeof runKey !== "number" || !Number.isSafeInteger(runKey) || runKey < 0) return null;
  return { tenant, pool, priority, runKey, task };
}

function malformed(reason: string): Malformed {
  return { malformed: reason };
}

/** A value of a stranger, short enough for a log line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
