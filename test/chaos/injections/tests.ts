/** A fault that a test of the repository injects, more exactly than a process under load could. */
export interface TestRow {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  /** Part of the names of its tests. */
  readonly name: string;
}

const JOURNAL = "packages/server/src/journal";
const RUNTIME = "packages/server/src/runtime";

/** What is proved by tests, by file and name. */
export const TEST_ROWS: readonly TestRow[] = [
  row("F2", "a crash at every failpoint, in the deterministic simulation", "test/simulation/simulation.test.ts", "F2"),
  row("F5", "the event loop stands still: the lease is kept by a thread", `${JOURNAL}/postgres-faults.test.ts`, "F5"),
  row("F8", "a run that crashes whoever owns it", "packages/server/src/intervention/quarantine.test.ts", "F8"),
  row("F10", "SIGTERM while a step does not end", `${RUNTIME}/engine.test.ts`, "F9"),
  row("F11", "two processes of one configured name", `${JOURNAL}/postgres.test.ts`, "F11"),
  row("F13", "the process dies that fires schedules", "test/chaos/schedules.test.ts", "while processes are killed"),
  row(
    "F13",
    "the process dies that sends webhooks",
    "packages/server/src/webhooks/outgoing-crash.test.ts",
    "dies between",
  ),
  row("F16", "two take over from the same dead worker", `${JOURNAL}/postgres-faults.test.ts`, "F16"),
  row("F17", "the connection is lost behind the commit", `${JOURNAL}/postgres-faults.test.ts`, "F17"),
  row("F20", "every pooled connection is held", "test/connections/connections.test.ts", "F20"),
  row("F29", "deadlocks and serialization errors", `${JOURNAL}/postgres-faults.test.ts`, "F29"),
  row("F34", "one stale epoch among 64 runs of a flush", `${JOURNAL}/postgres.test.ts`, "F34"),
  row("F35", "one row of a flush is refused by the database", `${JOURNAL}/postgres-faults.test.ts`, "F35"),
  row("F35", "and its step fails, and the run goes on by its rules", `${RUNTIME}/commit.test.ts`, "F35"),
  row("F45", "messages that are no tickets", "packages/server/src/transport/transport.test.ts", "F45"),
  row(
    "F46",
    "each broker ends, is killed, hangs, and comes back",
    "test/outage/transport.test.ts",
    "transport and its service",
  ),
  row("F47", "a Redis that evicts keys", "test/outage/redis-eviction.test.ts", "F47"),
  row("F48", "a pool without a worker", "packages/server/src/worker/elsewhere.test.ts", "a pool without a worker"),
  row("F49", "a consumer takes messages and hangs", "packages/server/src/transport/transport.test.ts", "F49"),
  row("F54", "a signal before, at, twice and after", "packages/core/src/engine/waiting.test.ts", "signal"),
  row("F57", "100 creations with one idempotency key", `${JOURNAL}/postgres.test.ts`, "F57"),
  row("F57", "and the key is free after its time", `${JOURNAL}/postgres.test.ts`, "free again after it has expired"),
  row("F59", "a long queue of one concurrency key", `${JOURNAL}/postgres.test.ts`, "F59"),
  row(
    "F55",
    "a step that is cancelled is aborted where it runs",
    "packages/server/src/worker/elsewhere.test.ts",
    "cancelled",
  ),
  row("F55", "a cancel closes the connection to the model", "test/models/openai-compatible.test.ts", "a cancel closes"),
  row("F55", "and takes the run of a tool with it", `${RUNTIME}/child-runs.test.ts`, "cancelled"),
  row("F58", "more submissions than there is room for", `${RUNTIME}/overload.test.ts`, ""),
  row("F66", "readers that take nothing", "test/streams/slow-readers.test.ts", "reader"),
  row("F68", "receivers that are down, slow, or gone", "packages/server/src/webhooks/outgoing.test.ts", "receiver"),
  row("F68", "redirects, endless answers, private addresses", "packages/server/src/webhooks/post.test.ts", ""),
  row("F68", "and one that answers 410", "packages/server/src/webhooks/outgoing.test.ts", "410"),
];

function row(id: string, title: string, file: string, name: string): TestRow {
  return { id, title, file, name };
}
