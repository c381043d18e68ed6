import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { openWeft, type WeftOptions } from "weftwork";
import { testPostgres, type TestPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { drive, type Drive } from "../engine/drive.ts";
import { postgresVersion } from "../engine/postgres-version.ts";
import { INPUTS, NODES, WORKLOADS, type Workload } from "../engine/workload.ts";
import { commit, hardware, versions } from "../machine.ts";
import { table } from "../report.ts";
import { median, quantile } from "../statistics.ts";
import { backlog } from "./backlog.ts";
import { balance } from "./balance.ts";
import { idle } from "./idle.ts";
import { TRANSPORTS, transportOf, transportsHere, WorkerProcesses, type TransportName } from "./setup.ts";

const USAGE = `npm run bench -- cluster [options]

  --transport NAMES   ${TRANSPORTS.join(", ")}; default: all that answer
  --workload NAMES    W1, W2, W3; default all
  --workers COUNTS    worker processes, default 1,2,4
  --ways NAMES        one process owns the runs and others do their steps, which go straight to workers with room
                      (handover) or each by ticket (tickets); or the workers own runs and do the steps of theirs, and
                      the process that begins them does neither (owners); default: all three of W1, and handover
  --rounds N          default 3
  --quick             a tenth of the runs, and a backlog of 100,000 at most
  --only PART         runs, backlog, balance or idle
`;

/** How runs are shared between the process that begins them and the others. */
const WAYS = ["handover", "tickets", "owners"] as const;
type Way = (typeof WAYS)[number];

/** A process that begins runs, and so many workers; no transport: one process that does all. */
interface Setting {
  readonly transport: TransportName | null;
  readonly workers: number;
  readonly way: Way | null;
}

/** `npm run bench -- cluster` */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      transport: { type: "string" },
      workload: { type: "string", default: "W1,W2,W3" },
      workers: { type: "string", default: "1,2,4" },
      ways: { type: "string" },
      rounds: { type: "string", default: "3" },
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const server = await testPostgres();
  if (!server) throw new Error("this benchmark needs PostgreSQL (see WEFT_TEST_POSTGRES_URL)");
  const asked = values.transport?.split(",") ?? TRANSPORTS;
  const transports = await transportsHere(TRANSPORTS.filter((name) => asked.includes(name)));
  const counts = values.workers.split(",").map(Number);
  const waysOf = (workload: Workload): readonly Way[] => {
    if (values.ways !== undefined) return WAYS.filter((way) => values.ways!.split(",").includes(way));
    return workload.name === "W1" ? WAYS : ["handover"];
  };
  const machine = hardware(tmpdir());
  const postgres = await postgresVersion();
  print(`${machine.cpu} · ${machine.cores} cores · ${machine.memoryGb} GB · ${machine.system}`);
  print(`commit ${commit()} · Node ${versions(postgres).node} · PostgreSQL ${postgres}`);
  const part = (name: string): boolean => values.only === undefined || values.only === name;
  if (part("runs")) {
    const workloads = WORKLOADS.filter(({ name }) => values.workload.split(",").includes(name));
    const settingsOf = (workload: Workload): readonly Setting[] => [
      { transport: null, workers: 0, way: null },
      ...transports.flatMap((transport) =>
        counts.flatMap((workers) =>
          waysOf(workload)
            // Where workers do the steps of their own runs no ticket is sent: with RabbitMQ it is as with PostgreSQL.
            .filter((way) => way !== "owners" || transport !== "rabbitmq")
            .map((way) => ({ transport, workers, way })),
        ),
      ),
    ];
    await runs(server, workloads, settingsOf, Number(values.rounds), values.quick ? 0.1 : 1);
  }
  if (part("backlog")) await backlogs(server, values.quick ? [1000, 100_000] : [1000, 100_000, 1_000_000]);
  if (part("balance")) {
    for (const transport of transports) {
      const { workers, shares, variance } = await balance(server, transport, 4);
      const told = shares.map((share) => share.toFixed(0)).join(", ");
      print(
        `balance · ${transport} · ${workers} workers: shares of the work ${told} % of the mean, variance ${variance.toFixed(1)}`,
      );
    }
  }
  if (part("idle")) {
    for (const transport of transports) {
      const { queriesPerSecond, workers } = await idle(server, transport, values.quick ? 5 : 20);
      print(`idle · ${transport} · ${workers} workers: ${queriesPerSecond.toFixed(2)} queries/s a worker`);
    }
  }
}

async function runs(
  server: TestPostgres,
  workloads: readonly Workload[],
  settingsOf: (workload: Workload) => readonly Setting[],
  rounds: number,
  size: number,
): Promise<void> {
  const rows = [
    [
      "workload",
      "transport",
      "way",
      "workers",
      "rounds",
      "median",
      "min",
      "max",
      "unit",
      "p50 ms",
      "p99 ms",
      "of one process",
    ],
  ];
  for (const workload of workloads) {
    const settings = settingsOf(workload);
    const drives = new Map<Setting, Drive[]>(settings.map((setting) => [setting, []]));
    // In turns, so that what the machine does meanwhile falls on all alike.
    for (let at = 0; at < rounds; at++)
      for (const setting of settings) drives.get(setting)!.push(await round(server, workload, setting, size));
    const alone = median(drives.get(settings[0]!)!.map(workload.value));
    for (const [{ transport, workers, way }, done] of drives) {
      const found = done.map(workload.value);
      const samples = done.flatMap((each) => each.samples);
      const share = workload.unit.startsWith("ms") ? alone / median(found) : median(found) / alone;
      rows.push([
        workload.name,
        transport ?? "none",
        way ?? "",
        workers === 0 ? "(one process)" : String(workers),
        String(rounds),
        ...[median(found), Math.min(...found), Math.max(...found)].map(short),
        workload.unit,
        short(quantile(samples, 0.5) / workload.stepsPerSample),
        short(quantile(samples, 0.99) / workload.stepsPerSample),
        workers === 0 ? "" : share.toFixed(2),
      ]);
    }
  }
  print("");
  for (const line of table(rows)) print(line);
  print("of one process: speed as a share of one process that owns runs and does their steps, in the same rounds.");
}

async function round(server: TestPostgres, workload: Workload, setting: Setting, size: number): Promise<Drive> {
  const { url, drop } = await server.create();
  const { transport, workers, way } = setting;
  const away: WeftOptions =
    transport === null
      ? {}
      : { serves: [], own: way !== "owners", handover: way === "handover", ...transportOf(transport) };
  const weft = await openWeft({ store: url, nodes: NODES, name: "owner", ...away });
  try {
    await weft.workflows.publish(workload.source("effect"));
    const others = transport === null ? null : await WorkerProcesses.start(workers, url, transport, way === "owners");
    try {
      const run = async (): Promise<void> => {
        const begun = await weft.runs.start({ workflow: workload.workflow, inputs: INPUTS });
        const ended = await weft.runs.wait(begun.run.id);
        if (ended?.status !== "succeeded") throw new Error(`a run ended ${JSON.stringify(ended)}`);
      };
      const count = Math.max(workload.inFlight, Math.round(workload.runs("postgres") * size));
      await drive(run, Math.ceil(count * 0.1), workload.inFlight);
      globalThis.gc?.();
      return await drive(run, count, workload.inFlight);
    } finally {
      await others?.stop();
    }
  } finally {
    await weft.close({ graceMs: 2000 });
    await drop();
  }
}

async function backlogs(server: TestPostgres, sizes: readonly number[]): Promise<void> {
  const results = await backlog(server, sizes);
  print("");
  for (const { pending, p50Ms, p99Ms } of results) {
    const ratio = (p99Ms / results[0]!.p99Ms).toFixed(2);
    print(
      `claim of 16 with ${pending} pending: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms (${ratio} of the first)`,
    );
  }
}

function short(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
