import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { AT_ONCE } from "../effects.ts";
import { Flood } from "../flood.ts";
import { peakRssMb, restartPeak, tooLarge } from "../memory.ts";
import { TOGETHER, type Member } from "../processes.ts";
import { post } from "../workflows.ts";
import type { Finding, Injection } from "./injection.ts";

const ITEMS = 100_000;
/** Items that are under way together, and how many there are to each effect. */
const WIDTH = 1000;
const EFFECT_EVERY = 100;
/** Shares of the items at which the owner is killed, and the run cancelled. */
const KILL_AT = 0.15;
const CANCEL_AT = 0.4;
const REACHED_MS = 120_000;
const CANCELLED_MS = 60_000;
/** What the run may add to a process, with all that is not collected yet: that is most of it. */
const MEMORY_MB_MAX = 256;
const ID = "fan-1";

/** A step for each item, and for every 100th an effect as well. */
function fan(url: string): string {
  const work = { id: "work", type: "template", template: "{{ item }}" };
  const effect = { ...post("s0", `${url}${AT_ONCE}`, null), depends_on: "work", when: `index % ${EFFECT_EVERY} == 0` };
  const each = { id: "each", type: "for_each", items: "{{ inputs.items }}", concurrency: WIDTH, steps: [work, effect] };
  return JSON.stringify({ name: "fan", inputs: { items: "array" }, steps: [each], outputs: {} });
}

/** One run opens very many items; who owns it is killed in the middle, and the run is cancelled when it goes on. */
export const wideFan: Injection = {
  id: "F61",
  title: `a fan-out to ${ITEMS.toLocaleString("en")} items: its owner killed in the middle, then the run cancelled`,
  holds: "I1-I6, I13; the cancel reaches all in less than 60 s, and nothing begins after it; the memory is bounded",
  needs: { roles: TOGETHER, transports: ["postgres"], open: 0, workflows: (url) => ({ fan: fan(url) }) },
  seconds: 20,
  quick: true,
  async inject(arena) {
    const { fleet, load } = arena;
    const idle = new Map(fleet.members.map(({ pid, role }) => [role.name, restartPeak(pid!) ?? 0]));
    const added = ({ pid, role }: Member): number => (peakRssMb(pid!) ?? 0) - idle.get(role.name)!;
    const flood = await Flood.open(fleet.urls[0]!, 1, load);
    const inputs = { items: Array.from({ length: ITEMS }, (_, at) => at) };
    const began = performance.now();
    await flood.all([{ id: ID, workflow: "fan", inputs }], 1).finally(() => flood.close());
    await untilFelt(arena, ITEMS * KILL_AT);
    const atKill = feltItems(arena);
    const itemsASecond = atKill / ((performance.now() - began) / 1000);
    const owner = await ownerOf(arena);
    const first = added(owner);
    await arena.kill(owner);
    await untilFelt(arena, ITEMS * CANCEL_AT);
    const heir = await ownerOf(arena);
    const atCancel = feltItems(arena);
    const { answerMs, ms, status } = await cancel(arena, heir.url!);
    const second = added(heir);
    const calls = arena.effects.calls.length;
    await owner.untilReady();
    return () => {
      const late = arena.effects.calls.length - calls;
      return {
        figures: {
          "items a second": Math.round(itemsASecond),
          "items begun when the owner was killed": atKill,
          "and when the run was cancelled": atCancel,
          "ms until the cancel was answered": Math.round(answerMs),
          "and until all was over": Math.round(ms),
          "memory that it added to the first owner and to the second, MB": `${first} and ${second}`,
        },
        failures: [
          ...(status === "cancelled" ? [] : [`the run ended as ${status}`]),
          ...(ms > CANCELLED_MS ? [`the cancel took ${Math.round(ms)} ms`] : []),
          ...(late > 0 ? [`${late} effects were felt after the cancel`] : []),
          ...tooLarge({ "the first owner more": first, "the second owner more": second }, MEMORY_MB_MAX),
        ],
      } satisfies Finding;
    };
  },
};

function feltItems(arena: Arena): number {
  return new Set(arena.effects.calls.map(({ key }) => key)).size * EFFECT_EVERY;
}

async function untilFelt(arena: Arena, items: number): Promise<void> {
  for (const until = performance.now() + REACHED_MS; feltItems(arena) < items; await sleep(20))
    if (performance.now() > until) throw new Error(`the fan-out stands still at ${feltItems(arena)} items`);
}

/** The process that holds the run; waits for it where nobody does. */
async function ownerOf(arena: Arena): Promise<Member> {
  for (const until = performance.now() + REACHED_MS; performance.now() < until; await sleep(50)) {
    const rows = await arena.monitor.query<{ pid: number }>(
      "select worker.pid from run join worker on worker.worker_key = run.owner where run.id = $1",
      [ID],
    );
    const found = arena.fleet.members.find(({ pid }) => pid !== null && pid === rows[0]?.pid);
    if (found) return found;
  }
  throw new Error("nobody holds the run");
}

interface Cancelled {
  readonly answerMs: number;
  readonly ms: number;
  readonly status: string;
}

/** Asks for the end of the run; resolves when it has ended and nothing of it waits. */
async function cancel({ load, monitor }: Arena, url: string): Promise<Cancelled> {
  load.cancelled.add(ID);
  const began = performance.now();
  const response = await fetch(`${url}/api/runs/${ID}/cancel`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (!response.ok) throw new Error(`the cancel was answered with ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
  const answerMs = performance.now() - began;
  for (; ; await sleep(50)) {
    const rows = await monitor.query<{ status: string; open: number }>(
      `select status, ((finished_at is null)::int + (select count(*) from task))::int8 as open from run where id = $1`,
      [ID],
    );
    const { status, open } = rows[0]!;
    const ms = performance.now() - began;
    if (open === 0 || ms > 2 * CANCELLED_MS) return { answerMs, ms, status };
  }
}
