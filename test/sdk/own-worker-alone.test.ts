import { afterEach, expect, test, vi } from "vitest";
import { createWorker, type OwnTask } from "@weftwork/sdk";

const LEASE_MS = 3000;
const TASK: OwnTask = {
  id: "1.0.eA",
  run_id: "r",
  step: "work",
  scope: "root",
  attempt: 1,
  key: "r/root/work#1",
  pool: "default",
  handler: "work",
  input: null,
  config: {},
  deadline: null,
  timeout_ms: null,
};

afterEach(() => {
  vi.useRealTimers();
});

/** A server that gives one task, and says nothing more but to those whom `answers` names. */
function server(task: OwnTask, answers: (path: string) => boolean): typeof fetch {
  let isGiven = false;
  return async (input, init) => {
    const path = new URL(String(input)).pathname;
    if (path === "/api/workers") {
      const joined = { id: "worker_1", token: "t", lease_ms: LEASE_MS, heartbeat_ms: LEASE_MS / 3 };
      return !isGiven ? Response.json(joined, { status: 201 }) : silence(init!.signal!);
    }
    if (path.endsWith("/tasks") && !isGiven) {
      isGiven = true;
      return Response.json({ data: [task] });
    }
    return answers(path) ? new Response(null, { status: 204 }) : silence(init!.signal!);
  };
}

function silence(signal: AbortSignal): Promise<Response> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

test("a task is stopped when its lease ends, while the server says nothing", async () => {
  const began = performance.now();
  const stopped = Promise.withResolvers<number>();
  const worker = createWorker({
    handlers: {
      work: ({ signal }) =>
        new Promise(() => {
          signal.addEventListener("abort", () => stopped.resolve(performance.now() - began));
        }),
    },
    fetch: server(TASK, () => false),
    problem: () => undefined,
  });
  const after = await stopped.promise;
  await worker.close({ graceMs: 0 });
  expect(after).toBeGreaterThan(LEASE_MS - 100);
  // The next heartbeat would have been given up later than that.
  expect(after).toBeLessThan(LEASE_MS + 400);
});

test("a worker that has closed has no timer left, whatever its handlers do", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const begun = Promise.withResolvers<void>();
  const worker = createWorker({
    handlers: {
      work: ({ write }) => {
        write("half");
        begun.resolve();
        return new Promise(() => undefined);
      },
    },
    fetch: server({ ...TASK, timeout_ms: 3_600_000 }, (path) => path === "/api/workers/worker_1"),
    problem: () => undefined,
  });
  await begun.promise;
  await worker.close({ graceMs: 0 });
  expect(vi.getTimerCount()).toBe(0);
});
