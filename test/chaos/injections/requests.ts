import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART, TOGETHER } from "../processes.ts";
import type { Injection } from "./injection.ts";

interface Answer {
  readonly status: number;
  readonly id: string | null;
}

async function post(url: string, body: object, key: string | null = null): Promise<Answer | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === null ? {} : { "idempotency-key": `"${key}"` }) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const answer = (await response.json()) as { readonly id?: string };
    return { status: response.status, id: answer.id ?? null };
  } catch {
    return null;
  }
}

const KEYS = 10;
const AT_ONCE = 100;

/** Many requests with one key at the same moment, to two servers: one run. */
export const oneKey: Injection = {
  id: "F57",
  title: "100 submissions at once with one idempotency key, to two servers, 10 times; then another body with the key",
  holds: "I1, I8: one run for each key; 422 for another body",
  needs: { roles: TOGETHER, transports: ["postgres"], open: 10, mix: { lane: 1 } },
  seconds: 10,
  quick: true,
  async inject(arena) {
    const failures: string[] = [];
    let answers = 0;
    for (let key = 0; key < KEYS; key++) {
      const name = `key-${arena.random.int(0, 1_000_000_000)}`;
      const urls = arena.fleet.urls.map((url) => `${url}/api/runs`);
      const body = { workflow: "chain", inputs: {} };
      const all = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, at) => post(urls[at % urls.length]!, body, name)),
      );
      const good = all.filter((answer) => answer !== null && answer.status < 300);
      const ids = new Set(good.map((answer) => answer!.id));
      answers += good.length;
      if (ids.size !== 1) failures.push(`the key ${name} has the runs ${[...ids].join(", ") || "(none)"}`);
      for (const id of ids) if (id !== null) arena.load.accepted.push({ id, workflow: "chain", at: Date.now() });
      const other = await post(urls[0]!, { workflow: "lane", inputs: {} }, name);
      if (other?.status !== 422) failures.push(`another body with the key ${name} was answered with ${other?.status}`);
    }
    return () => ({ figures: { keys: KEYS, "answers with 2xx": answers }, failures });
  },
};

const CANCEL_EVERY_MS = 120;

/** Runs are cancelled at random moments of their life, while workers and owners are killed. */
export const cancels: Injection = {
  id: "F55",
  title: "runs cancelled at random moments, while processes are killed",
  holds: "I1, I2: one final state; what was cancelled does not go on",
  needs: { roles: APART, transports: ["redis"], open: 40 },
  seconds: 25,
  quick: false,
  async inject(arena) {
    const until = performance.now() + 25_000;
    const [answered] = await Promise.all([cancelling(arena, until), killing(arena, until)]);
    return () => ({
      figures: { "cancels answered with 2xx": answered },
      failures: answered === 0 ? ["no cancel was answered"] : [],
    });
  },
};

async function cancelling(arena: Arena, until: number): Promise<number> {
  const { random, load, fleet } = arena;
  let answered = 0;
  for (; performance.now() < until; await sleep(CANCEL_EVERY_MS)) {
    // One of those that began lately: most of them are open still.
    const run = load.accepted.at(-1 - random.int(0, 40));
    if (!run || load.cancelled.has(run.id)) continue;
    // Whether it is cancelled is open from now on, whatever is answered.
    load.cancelled.add(run.id);
    const answer = await post(`${random.pick(fleet.urls)}/api/runs/${run.id}/cancel`, {});
    if (answer !== null && answer.status < 300) answered += 1;
    else if (answer !== null && answer.status < 500 && answer.status !== 409 && answer.status !== 429)
      load.wrong.push(`the cancel of ${run.id} was answered with ${answer.status}`);
  }
  return answered;
}

async function killing(arena: Arena, until: number): Promise<void> {
  for (; performance.now() < until; await sleep(5000)) {
    const alive = arena.fleet.members.filter(({ isReady, url }) => isReady && url === null);
    if (alive.length > 0) await arena.kill(arena.random.pick(alive));
  }
}
