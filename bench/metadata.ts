import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { cachedCatalogue } from "../packages/server/src/cache/catalogue.ts";
import type { Level2 } from "../packages/server/src/cache/level2.ts";
import { redisLevel2 } from "../packages/server/src/cache/redis.ts";
import type { Catalogue } from "../packages/server/src/db/catalogue.ts";
import { sqlCatalogue } from "../packages/server/src/db/catalogue-sql.ts";
import { postgresDatabase } from "../packages/server/src/db/database-postgres.ts";
import { testPostgres } from "../packages/server/src/db/test-postgres.ts";
import { redisForTests } from "../packages/server/src/journal/test-services.ts";
import { commit, hardware, versions } from "./machine.ts";
import { table } from "./report.ts";
import { median, quantile } from "./statistics.ts";

/**
 * Reads of metadata (a version of a workflow by its number) out of PostgreSQL alone, with a cache in Redis, with both
 * levels, and while somebody asks for names that were never published. The variants take turns, so that they meet the
 * same machine.
 */
const USAGE = `npm run bench -- metadata [--quick] [--rounds N] [--reads N] [--workflows N] [--readers N]
`;

const TENANT = "bench";
/** The text of a workflow, about. */
const SOURCE_BYTES = 6000;

interface Variant {
  readonly name: string;
  /** Of so many reads, so many are for names that there are. */
  readonly real: number;
  open(counting: Catalogue): Promise<{ readonly catalogue: Catalogue; close(): Promise<void> }>;
}

interface Measured {
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly databaseReads: number;
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      reads: { type: "string" },
      workflows: { type: "string", default: "200" },
      readers: { type: "string", default: "32" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const reads = Number(values.reads ?? (values.quick ? 4000 : 20_000));
  const [workflows, readers] = [Number(values.workflows), Number(values.readers)];
  const [postgres, redis] = [await testPostgres(), await redisForTests()];
  if (!postgres) return void process.stderr.write("PostgreSQL is needed: set WEFT_TEST_POSTGRES_URL\n");
  const made = await postgres.create();
  const database = await postgresDatabase({ url: made.url, connectionsMax: 6 });
  try {
    const stored = sqlCatalogue(database);
    for (let at = 0; at < workflows; at++)
      await stored.publish({
        tenant: TENANT,
        name: `workflow-${at}`,
        version: "1.0.0",
        hash: randomBytes(32).toString("hex"),
        source: randomBytes(SOURCE_BYTES / 2).toString("hex"),
        createdAt: at,
      });
    const variants = variantsOf("url" in redis ? redis.url : null);
    const results = new Map<string, Measured[]>(variants.map(({ name }) => [name, []]));
    // The first round warms up, and is not counted.
    for (let round = 0; round <= rounds; round++) {
      for (const variant of variants) {
        globalThis.gc?.();
        const measured = await measure(variant, stored, {
          reads: round === 0 ? reads / 10 : reads,
          workflows,
          readers,
        });
        if (round > 0) results.get(variant.name)!.push(measured);
      }
    }
    print(results, reads, readers);
  } finally {
    await database.close();
    await made.drop();
  }
}

function variantsOf(redisUrl: string | null): readonly Variant[] {
  const alone: Variant["open"] = async (catalogue) => ({ catalogue, close: async () => undefined });
  const cached =
    (bytesMax: number | undefined, level2Url: string | null): Variant["open"] =>
    async (catalogue) => {
      const level2: Level2 | null = level2Url
        ? await redisLevel2({ url: level2Url, prefix: "weft-bench", ttlSeconds: 60 })
        : null;
      if (level2) await connected(level2);
      const caching = cachedCatalogue({
        catalogue,
        tenant: TENANT,
        level2,
        ...(bytesMax === undefined ? {} : { bytesMax }),
        now: () => performance.now(),
        isHeard: () => true,
        tell: () => undefined,
      });
      return { catalogue: caching, close: async () => level2?.close() };
    };
  return [
    { name: "database alone", real: 1, open: alone },
    ...(redisUrl ? [{ name: "Redis", real: 1, open: cached(0, redisUrl) }] : []),
    { name: "memory", real: 1, open: cached(undefined, null) },
    ...(redisUrl ? [{ name: "memory and Redis", real: 1, open: cached(undefined, redisUrl) }] : []),
    { name: "database alone, 9 of 10 made up", real: 0.1, open: alone },
    {
      name: `${redisUrl ? "memory and Redis" : "memory"}, 9 of 10 made up`,
      real: 0.1,
      open: cached(undefined, redisUrl),
    },
  ];
}

/** A client that is not connected yet is passed over, and would measure the database. */
async function connected(level2: Level2): Promise<void> {
  for (const end = performance.now() + 5000; performance.now() < end;) {
    await level2.set("connected", "yes");
    if ((await level2.get("connected")) !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("Redis does not answer");
}

async function measure(
  variant: Variant,
  stored: Catalogue,
  { reads, workflows, readers }: { readonly reads: number; readonly workflows: number; readonly readers: number },
): Promise<Measured> {
  let databaseReads = 0;
  const counting: Catalogue = {
    ...stored,
    find: (...asked) => ((databaseReads += 1), stored.find(...asked)),
    list: (...asked) => ((databaseReads += 1), stored.list(...asked)),
  };
  const { catalogue, close } = await variant.open(counting);
  const times: number[] = [];
  let next = 0;
  const read = async (): Promise<void> => {
    while (next < reads) {
      const at = next++;
      const isReal = at % 100 < variant.real * 100;
      const name = isReal ? `workflow-${(at * 7919) % workflows}` : `made-up-${at}`;
      const begun = performance.now();
      const found = await catalogue.find(TENANT, name, "1.0.0");
      times.push(performance.now() - begun);
      if ((found !== null) !== isReal) throw new Error(`${name} was answered with ${found?.name ?? "nothing"}`);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: readers }, read));
  const seconds = (performance.now() - begun) / 1000;
  await close();
  return {
    perSecond: reads / seconds,
    meanMs: times.reduce((sum, ms) => sum + ms, 0) / times.length,
    p99Ms: quantile(times, 0.99),
    databaseReads,
  };
}

function print(results: ReadonlyMap<string, readonly Measured[]>, reads: number, readers: number): void {
  const { cpu, cores, memoryGb, system } = hardware(process.cwd());
  const of = (all: readonly Measured[], pick: (one: Measured) => number): number => median(all.map(pick));
  const [[, alone] = ["", []]] = results;
  const rows = [...results].map(([name, all]) => [
    name,
    Math.round(of(all, (one) => one.perSecond)).toLocaleString("en"),
    of(all, (one) => one.meanMs).toFixed(3),
    of(all, (one) => one.p99Ms).toFixed(3),
    Math.round(of(all, (one) => one.databaseReads)).toLocaleString("en"),
    (of(all, (one) => one.perSecond) / of(alone, (one) => one.perSecond)).toFixed(1),
  ]);
  const headings = [
    "variant",
    "reads/s",
    "mean ms",
    "p99 ms",
    `database reads of ${reads.toLocaleString("en")}`,
    "times",
  ];
  process.stdout.write(
    `${cpu} · ${cores} cores · ${memoryGb} GB · ${system}\ncommit ${commit()} · node ${versions(null).node} · ${readers} readers\n\n` +
      `${table([headings, ...rows]).join("\n")}\n\ntimes: reads/s beside the database alone. Medians of the rounds; each round begins with an empty memory.\n`,
  );
}
