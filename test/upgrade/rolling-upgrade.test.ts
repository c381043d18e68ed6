import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../chaos/checker.ts";
import { EffectLog } from "../chaos/effects.ts";
import type { Evidence, Fault, Hit } from "../chaos/evidence.ts";
import { Monitor } from "../chaos/monitor.ts";
import { ownPostgres, postgresProgram, type OwnService } from "../services.ts";
import { Owners } from "./owners.ts";
import { FleetProcess } from "./processes.ts";
import { earlierVersion, THIS_VERSION, type EarlierVersion, type Version } from "./version.ts";
import { CALLS, workflowSource } from "./workflow.ts";

/**
 * Two versions of the program on one database, with open runs (F70), and back again (F71). The earlier one comes from the
 * history: WEFT_UPGRADE_FROM names its commit.
 */
const RUNS = 200;
/** From one signal to the next: a few runs come under way together, and go on for a second or two. */
const PACE_MS = 50;
/** Signals between two faults at most. */
const SHARE = 65;
/** Runs that a process has under way when it is killed. */
const BUSY = 3;
const ids = Array.from({ length: RUNS }, (_, at) => `run-${at}`);

const isOff = process.env["WEFT_TEST_SERVICES"] === "off";
const why = isOff ? "WEFT_TEST_SERVICES is off" : postgresProgram() === null ? "PostgreSQL is not installed" : null;
const earlier = why ?? (await earlierVersion());
if (typeof earlier === "string") {
  if (process.env["CI"] === "true" && postgresProgram() === null)
    throw new Error(`The whole check needs it: ${earlier}.`);
  process.stderr.write(`Skipped: the rolling upgrade, because ${earlier}.\n`);
}
const until = async (holds: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  for (const end = performance.now() + 120_000; !(await holds());) {
    if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
};

describe.skipIf(typeof earlier === "string")("two versions on one database", () => {
  const old = earlier as EarlierVersion;
  let folder: string;
  let postgres: OwnService;
  let world: EffectLog;
  let monitor: Monitor;
  let owners: Owners | null = null;
  const all: FleetProcess[] = [];
  const faults: Fault[] = [];
  const hits: Hit[] = [];
  const accepted: Evidence["accepted"][number][] = [];
  const signals: { run: string; id: string }[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weft-upgrade-test-"));
    [postgres, world] = [await ownPostgres(), await EffectLog.open(1)];
    await postgres.start();
    monitor = new Monitor(postgres.url);
    monitor.start();
  });
  afterAll(async () => {
    await Promise.all(all.filter(({ isRunning }) => isRunning).map((one) => one.signal("SIGKILL")));
    await owners?.close();
    await monitor.close();
    await world.close();
    await postgres.remove();
    await old.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const env = (own: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
    WEFT_DATABASE_URL: postgres.url,
    WEFT_HTTP_ALLOW: world.host,
    ...own,
  });

  async function start(name: string, version: Version, args: readonly string[], own = {}): Promise<FleetProcess> {
    const process = await FleetProcess.start(name, version, { args, env: env(own), folder });
    all.push(process);
    return process;
  }

  /** This version as two processes: the pool of the items is not served where the runs are advanced. */
  const startNew = (round: number): Promise<readonly [FleetProcess, FleetProcess]> =>
    Promise.all([
      start(`new-server-${round}`, THIS_VERSION, ["serve"], old.takesStaleTasks ? {} : { WEFT_SERVES: "default,code" }),
      start(`new-worker-${round}`, THIS_VERSION, ["worker", "--pools", "generation"]),
    ]);

  async function kill(...processes: readonly FleetProcess[]): Promise<void> {
    const at = Date.now();
    await Promise.all(processes.map((one) => one.signal("SIGKILL")));
    // What waits for its signal does not move, whoever holds it.
    const moving = new Set(signals.map(({ run }) => run));
    for (const { name, pid } of processes) {
      faults.push({ kind: "kill", what: name, at, until: at });
      const held = await monitor.hits(pid, at, name);
      hits.push(...held!.filter(({ run }) => moving.has(run)));
    }
  }

  async function post(to: FleetProcess, path: string, body: unknown): Promise<void> {
    const method = path === "/api/workflows" ? "PUT" : "POST";
    const type = method === "PUT" ? "application/yaml" : "application/json";
    const text = typeof body === "string" ? body : JSON.stringify(body);
    for (;;) {
      const response = await fetch(to.address + path, { method, headers: { "content-type": type }, body: text });
      const said = await response.text();
      if (response.ok) return;
      // A busy machine: what is sent again is the same run, and the same signal.
      if (response.status !== 503) throw new Error(`${to.name} answered ${path} with ${response.status}: ${said}`);
      await new Promise((resolve) => void setTimeout(resolve, 500));
    }
  }

  async function submit(to: FleetProcess, some: readonly string[]): Promise<void> {
    await Promise.all(
      some.map(async (id) => {
        await post(to, "/api/runs", { workflow: "upgrade", id, inputs: { text: "x".repeat(3000) } });
        accepted.push({ id, workflow: "upgrade", at: Date.now() });
      }),
    );
  }

  /** Lets the next runs go on, one after the other, through each of these processes in turn. */
  async function signal(through: readonly FleetProcess[], count: number): Promise<void> {
    for (let left = count; left > 0 && signals.length < RUNS; left--) {
      const run = ids[(signals.length * 7) % RUNS]!;
      const to = through[signals.length % through.length]!;
      await post(to, `/api/runs/${run}/signals`, { name: "go", id: `go-${run}` });
      signals.push({ run, id: `go-${run}` });
      await new Promise((resolve) => void setTimeout(resolve, PACE_MS));
    }
  }

  /** The same until each of them has some runs under way, which whoever takes them over goes on with. */
  async function signalUntilBusy(...through: readonly FleetProcess[]): Promise<void> {
    for (let sent = 0; sent < SHARE; sent++) {
      await signal(through, 1);
      if (await areBusy(through)) return;
    }
    throw new Error(
      `${SHARE} signals later not each of ${through.map(({ name }) => name).join(", ")} has runs under way`,
    );
  }

  async function untilTakenOver(
    from: (one: FleetProcess) => boolean,
    to: (one: FleetProcess) => boolean,
  ): Promise<void> {
    await until(() => owners!.handedOver(from, to) > 0, "some runs are taken over");
    await until(async () => (await owners!.orphans()) === 0, "all runs are taken over");
  }

  const areBusy = async (processes: readonly FleetProcess[]): Promise<boolean> =>
    (await Promise.all(processes.map((one) => owners!.of(one)))).every((runs) => runs >= BUSY);

  const isOld = ({ version }: FleetProcess): boolean => version === old;
  const isNew = ({ version }: FleetProcess): boolean => version === THIS_VERSION;

  test("both work, either takes over from the other, and all runs end right", { timeout: 400_000 }, async () => {
    const [a, b] = [await start("old-a", old, ["serve"]), await start("old-b", old, ["serve"])];
    const source = workflowSource(world.url);
    await post(a, "/api/workflows", source);
    await Promise.all([submit(a, ids.slice(0, 60)), submit(b, ids.slice(60, 110))]);

    // The newer one comes while runs are open, and brings its steps of the schema along.
    const [server, worker] = await startNew(1);
    await post(server, "/api/workflows", source);
    await submit(server, ids.slice(110));
    expect(accepted).toHaveLength(RUNS);
    owners = Owners.watch(postgres.url, () => all);
    await until(async () => (await owners!.waiting()) === RUNS, "all runs are at the door");

    // Back to the earlier version, by force: it goes on with what the newer one began.
    await signalUntilBusy(a, b, server);
    await kill(server, worker);
    // A worker that came before this was over would begin what its next owner, who serves all pools, does itself.
    await untilTakenOver(isNew, isOld);

    // And forward again.
    const [second, ...others] = await startNew(2);
    await signalUntilBusy(a, b, second);
    await kill(a, b);
    await untilTakenOver(isOld, isNew);

    // The earlier one is started on what the newer one has made of the store.
    let last = second;
    if (old.takesLaterStores) {
      last = await start("old-c", old, ["serve"]);
      await signalUntilBusy(last, second);
      await kill(second, ...others);
    } else {
      const said = await FleetProcess.ending("old-c", old, { args: ["serve"], env: env(), folder });
      expect(said).toContain("The store was written by a newer version");
    }
    await signal([last], RUNS);
    await until(async () => (await ended(last)) === RUNS, "all runs have ended");
    for (const one of all.filter(({ isRunning }) => isRunning)) expect(await one.signal("SIGTERM"), one.said).toBe(0);

    const evidence = { database: postgres.url, workflows: { upgrade: source }, accepted, signals, faults, hits };
    const { violations, figures } = await check({ ...evidence, calls: world.calls, marks: monitor.marks() });
    expect(violations).toEqual([]);
    expect(new Set(world.calls.map(({ key }) => key)).size).toBe(RUNS * CALLS);
    expect(all.flatMap(({ problems }) => problems).filter((line) => !isExpected(line))).toEqual([]);
    const left = all.flatMap(({ problems }) => problems).length;
    const toNew = owners.handedOver(isOld, isNew);
    const toOld = owners.handedOver(isNew, isOld);
    process.stdout.write(
      `${old.name}: ${figures.runs} runs, ${figures.takeovers} changes of owner, ${toNew} runs from the earlier version to this ` +
        `one and ${toOld} back, ${figures.duplicates} calls repeated of ${figures.inFlight} under way, ` +
        `${left} times a result was left to a version that can read it` +
        `${old.takesLaterStores ? "" : "; it does not start on the newer store"}\n`,
    );
  });

  /** What an earlier version says where it leaves the result of a task to one that knows such, and does it itself. */
  function isExpected(line: string): boolean {
    return line.includes("an input cannot be read") && line.includes('unknown format version \\"2\\"');
  }

  async function ended(at: FleetProcess): Promise<number> {
    const text = await (await fetch(`${at.address}/metrics`)).text();
    const count = /^weft_runs_finished_total\{[^}]*status="succeeded"[^}]*\} (\d+)$/m.exec(text);
    return Number(count?.[1] ?? 0);
  }
});
