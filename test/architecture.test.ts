import { describe, expect, test } from "vitest";
import {
  bannedWords,
  brokenWalls,
  circles,
  crossings,
  floorOf,
  isTestSupport,
  longFiles,
  PACKAGES,
  shown,
  undeclared,
  type Ban,
  type Floor,
  type Tree,
} from "./architecture/check.ts";
import { productionDependencies, readTree } from "./architecture/repository.ts";
import { importsOf, readCode } from "./architecture/source.ts";

/**
 * Who may know whom. The first row that fits a file is its floor; a floor knows itself, the floors in `may`, and the
 * libraries named. A file without a floor is a violation, so a new folder begins with a row here.
 */
const CORE = "packages/core/src";
const SERVER = "packages/server/src";
const PORTS = [
  "journal port",
  "blob port",
  "upkeep port",
  "live port",
  "stream log port",
  "search port",
  "node port",
  "catalogue port",
  "conversation port",
  "transport port",
  "task port",
];

// prettier-ignore
const FLOORS: readonly Floor[] = [
  // core: pure. Lower floors never know higher ones; libraries stand where they are needed and nowhere else.
  floor("core base",       [`${CORE}/base/`],         [], []),
  floor("core expression", [`${CORE}/expression/`],   ["core base"], ["@huggingface/jinja", "re2js"]),
  floor("core schema",     [`${CORE}/schema/`],       ["core base"], ["re2js"]),
  floor("core workflow",   [`${CORE}/workflow/`],     ["core base", "core expression", "core schema"], ["yaml"]),
  floor("core dify",       [`${CORE}/dify/`],         ["core base", "core expression", "core schema", "core workflow"], ["yaml"]),
  floor("core plan",       [`${CORE}/plan/`],         ["core base", "core expression", "core workflow", "core dify"], []),
  floor("core engine",     [`${CORE}/engine/`],       ["core base", "core expression", "core workflow", "core dify", "core plan"], []),
  floor("core",            [`${CORE}/index.ts`],      ["core base", "core expression", "core schema", "core workflow", "core dify", "core plan", "core engine"], []),

  // What runs elsewhere: the user's program and the browser.
  floor("sdk",             ["packages/sdk/src/"],     ["core"], []),
  floor("console",         ["packages/console/src/"], ["core", "sdk"], []),

  // server, ground floor: ports. Types and promises; no driver, no library, nothing of Node.
  floor("journal port",    [`${SERVER}/journal/journal.ts`], ["core"], []),
  floor("blob port",       [`${SERVER}/blob/blob.ts`],       ["core"], []),
  floor("upkeep port",     [`${SERVER}/upkeep/upkeep.ts`],   [], []),
  floor("live port",       [`${SERVER}/live/live.ts`],       ["core"], []),
  floor("search port",     [`${SERVER}/search/search.ts`],   [], []),
  floor("node port",       [`${SERVER}/nodes/node.ts`],      ["core"], []),
  floor("sandbox port",    [`${SERVER}/sandbox/sandbox.ts`, `${SERVER}/sandbox/containers.ts`], ["core"], []),
  floor("stream log port", [`${SERVER}/streamlog/streamlog.ts`], ["core"], []),
  floor("model port",      [`${SERVER}/gateway/model.ts`],   ["core"], []),
  floor("catalogue port",  [`${SERVER}/db/catalogue.ts`],    ["core"], []),
  floor("conversation port", [`${SERVER}/conversations/conversations.ts`], ["core"], []),
  floor("tool port",       [`${SERVER}/tools/tool.ts`],      ["core", "node port"], []),
  floor("files port",       [`${SERVER}/files/files.ts`],     ["core"], []),
  floor("document port",   [`${SERVER}/documents/documents.ts`], [], []),
  floor("retrieval port",  [`${SERVER}/knowledge/retrieve.ts`, `${SERVER}/knowledge/filter.ts`], ["core"], []),
  // How texts are cut into words and compared by them; pure.
  floor("words",           [`${SERVER}/words/`],             [], []),
  floor("metric series",   [`${SERVER}/telemetry/series.ts`], [], []),
  // How much may be under way, and whose turn it is; pure but for the clock that is given.
  floor("limits",          [`${SERVER}/limits/`],            ["core"], []),
  floor("transport port",  [`${SERVER}/transport/transport.ts`], ["core"], []),
  floor("task port",       [`${SERVER}/tasks/task-store.ts`, `${SERVER}/tasks/task-holders.ts`], ["core", "transport port"], []),
  // Loads an optional package on first use.
  floor("optional packages", [`${SERVER}/base/`],            ["core"], []),

  // Drivers: each knows its port and its library. What two drivers of a port share stands on a floor between.
  floor("numbers of PostgreSQL", [`${SERVER}/db/postgres-numbers.ts`],          [], ["pg"]),
  // The connections of a process to its server: how many there may be, and how pools keep to that.
  floor("connection shares",  [`${SERVER}/connections/shares.ts`],           [], []),
  floor("connection pools",   [`${SERVER}/connections/pool.ts`, `${SERVER}/connections/busy.ts`], ["core"], ["pg"]),
  floor("connections",        [`${SERVER}/connections/`],                    ["connection shares", "connection pools", "numbers of PostgreSQL"], ["pg"]),
  floor("journal rules",      [`${SERVER}/journal/rules.ts`],                ["core", "journal port"], []),
  floor("lease thread",       [`${SERVER}/journal/lease-*`],                 ["core"], ["node:*", "pg"]),
  floor("memory journal",     [`${SERVER}/journal/memory*`],                 ["core", "journal port", "journal rules"], []),
  floor("SQLite journal",     [`${SERVER}/journal/sqlite*`],                 ["core", "journal port", "journal rules"], ["node:*"]),
  // The tables of the journal and the way to them, which stores beside it share.
  floor("schema of the journal", ["pool", "arrays", "errors", "schema"].map((part) => `${SERVER}/journal/postgres-${part}.ts`), ["core", "numbers of PostgreSQL", "connection pools", "connection shares"], ["pg", "node:*"]),
  floor("PostgreSQL journal", [`${SERVER}/journal/postgres*`],               ["core", "journal port", "journal rules", "lease thread", "numbers of PostgreSQL", "connection pools", "connection shares", "schema of the journal"], ["pg", "node:*"]),
  floor("memory tasks",       [`${SERVER}/tasks/memory*`],                   ["core", "journal port", "journal rules", "transport port", "task port"], []),
  // In the journal's schema, over its kind of connections.
  floor("PostgreSQL tasks",   [`${SERVER}/tasks/postgres*`],                 ["core", "journal rules", "schema of the journal", "transport port", "task port", "connection shares"], []),
  floor("memory blobs",       [`${SERVER}/blob/memory.ts`],                  ["core", "blob port"], []),
  floor("file blobs",         [`${SERVER}/blob/fs.ts`],                      ["core", "blob port"], ["node:*"]),
  floor("PostgreSQL blobs",   [`${SERVER}/blob/postgres.ts`],                ["core", "blob port", "connection pools"], ["pg", "node:*"]),
  floor("S3 blobs",           [`${SERVER}/blob/s3*`],                        ["core", "blob port"], ["s3mini", "undici", "node:*"]),
  floor("live rules",         [`${SERVER}/live/listeners.ts`, `${SERVER}/live/frames.ts`, `${SERVER}/live/wire.ts`], [], []),
  floor("live exchange",      [`${SERVER}/live/exchange.ts`, `${SERVER}/live/shared.ts`], ["live port", "live rules"], []),
  // What the transports share: messages, the turns of the classes, and the loop that hands messages out.
  floor("transport rules",    [`${SERVER}/transport/ticket.ts`, `${SERVER}/transport/turns.ts`, `${SERVER}/transport/pump.ts`, `${SERVER}/transport/gather.ts`, `${SERVER}/transport/unavailable.ts`], ["core", "transport port"], []),
  floor("memory transport",   [`${SERVER}/transport/memory.ts`],             ["core", "transport port", "transport rules"], []),
  floor("PostgreSQL transport", [`${SERVER}/transport/postgres*`],           ["core", "transport port", "transport rules", "numbers of PostgreSQL", "connection pools", "connection shares"], ["pg", "node:crypto"]),
  floor("Redis transport",    [`${SERVER}/transport/redis*`],                ["core", "transport port", "transport rules", "optional packages"], ["bullmq", "ioredis", "node:crypto"]),
  floor("RabbitMQ transport", [`${SERVER}/transport/rabbitmq.ts`],           ["core", "transport port", "transport rules", "optional packages"], ["rabbitmq-client"]),
  floor("memory live",        [`${SERVER}/live/memory.ts`],                  ["live port", "live rules"], []),
  floor("PostgreSQL live",    [`${SERVER}/live/postgres.ts`],                ["live rules"], ["pg"]),
  floor("Redis live",         [`${SERVER}/live/redis.ts`],                   ["live rules", "optional packages"], ["ioredis"]),
  floor("JavaScript sandbox", [`${SERVER}/sandbox/javascript*`, `${SERVER}/sandbox/webassembly.d.ts`],             ["core", "sandbox port"], ["node:*", "quickjs-emscripten-core", "@jitl/quickjs-wasmfile-release-sync"]),
  floor("memory stream log",     [`${SERVER}/streamlog/memory.ts`],          ["core", "stream log port"], []),
  floor("SQLite stream log",     [`${SERVER}/streamlog/sqlite.ts`],          ["core", "stream log port"], ["node:*"]),
  floor("PostgreSQL stream log", [`${SERVER}/streamlog/postgres.ts`],        ["core", "stream log port", "numbers of PostgreSQL", "connection pools"], ["pg"]),
  floor("memory search",      [`${SERVER}/search/memory.ts`],                ["search port"], []),
  floor("SQLite search",      [`${SERVER}/search/sqlite.ts`],                ["search port"], ["node:*"]),
  floor("PostgreSQL search",  [`${SERVER}/search/postgres.ts`],              ["search port", "numbers of PostgreSQL", "connection pools"], ["pg"]),
  floor("containers",         [`${SERVER}/sandbox/container-*`],              ["core", "sandbox port"], ["node:*"]),
  floor("Python sandbox",     [`${SERVER}/sandbox/python*`, `${SERVER}/sandbox/wasm-memory.ts`], ["core", "sandbox port"], ["node:*", "pyodide"]),
  floor("catalogue rules",    [`${SERVER}/db/version-number.ts`],            ["core", "catalogue port"], []),
  floor("memory catalogue",   [`${SERVER}/db/catalogue-memory.ts`],          ["core", "catalogue port", "catalogue rules"], []),
  floor("cold tables",        [`${SERVER}/db/database.ts`, `${SERVER}/db/database-clock.ts`, `${SERVER}/db/schema*`, `${SERVER}/db/migrat*`, `${SERVER}/db/store-identity.ts`], ["core"], ["kysely", "node:crypto"]),
  floor("SQLite tables",      [`${SERVER}/db/database-sqlite.ts`, `${SERVER}/db/sqlite-dialect.ts`], ["core", "cold tables"], ["kysely", "node:*"]),
  floor("PostgreSQL tables",  [`${SERVER}/db/database-postgres.ts`],          ["core", "cold tables", "connection pools", "numbers of PostgreSQL"], ["kysely", "pg"]),
  floor("SQL catalogue",      [`${SERVER}/db/catalogue-sql.ts`],             ["core", "catalogue port", "catalogue rules", "cold tables"], ["kysely"]),
  floor("upkeep",              [`${SERVER}/upkeep/`],                         ["core", "upkeep port", "blob port", "cold tables"], ["kysely", "node:*"]),
  floor("cache port",         [`${SERVER}/cache/level2.ts`],                 [], []),
  floor("Redis cache",        [`${SERVER}/cache/redis.ts`],                  ["cache port", "optional packages"], ["ioredis", "node:*"]),
  floor("cache",              [`${SERVER}/cache/`],                          ["cache port", "catalogue port", "metric series"], []),
  floor("files store",         [`${SERVER}/files/`],                          ["core", "files port", "blob port", "cold tables"], ["kysely", "node:*", "uuid"]),
  floor("conversation store", [`${SERVER}/conversations/`],                  ["core", "conversation port", "cold tables"], ["kysely"]),
  floor("secret words",       [`${SERVER}/secrets/secret.ts`, `${SERVER}/secrets/forms.ts`, `${SERVER}/secrets/mask.ts`, `${SERVER}/secrets/hosts.ts`, `${SERVER}/secrets/secrets.ts`, `${SERVER}/secrets/task-secrets.ts`, `${SERVER}/secrets/value.ts`, `${SERVER}/secrets/variables.ts`], ["core"], ["node:util", "node:net", "node:crypto"]),
  floor("secrets",            [`${SERVER}/secrets/`],                        ["core", "sdk", "secret words", "cold tables"], ["node:*"]),
  floor("triggers",           [`${SERVER}/triggers/`],                       ["core", "sdk", "secret words", "cold tables"], ["kysely", "node:crypto"]),
  floor("schedule times",     [`${SERVER}/schedules/cron.ts`],               [], ["croner"]),
  floor("schedules",          [`${SERVER}/schedules/`],                      ["core", "sdk", "schedule times", "cold tables"], ["kysely", "uuid"]),
  floor("gateway words",      [`${SERVER}/gateway/nearest.ts`, `${SERVER}/gateway/variables.ts`, `${SERVER}/gateway/parts.ts`, `${SERVER}/gateway/tokens.ts`], ["core", "model port"], []),
  floor("model catalog",      [`${SERVER}/gateway/catalog.ts`],              ["core", "model port", "gateway words"], []),
  floor("builtin models",     [`${SERVER}/gateway/builtin/`],                ["core", "model port", "gateway words", "words"], ["node:timers/promises"]),
  floor("model providers",    [`${SERVER}/gateway/providers/`],              ["core", "model port", "gateway words", "secret words"], ["undici", "node:stream"]),
  floor("gateway",            [`${SERVER}/gateway/`],                        ["core", "model port", "gateway words", "secret words", "model catalog", "model providers"], ["undici"]),

  floor("documents",          [`${SERVER}/documents/`],                      ["core", "document port"], ["node:worker_threads", "node:zlib", "unpdf", "htmlparser2", "csv-parse", "postal-mime", "yaml"]),
  floor("dataset words",      [`${SERVER}/knowledge/datasets-config.ts`],    ["core", "gateway words"], ["node:path"]),
  floor("knowledge",          [`${SERVER}/knowledge/`],                      ["core", "document port", "retrieval port", "gateway words", "words"], ["node:*"]),

  // The runtime advances runs and knows ports only. Nodes do work and know nothing of runs; http knows neither.
  floor("runtime",         [`${SERVER}/runtime/`],    ["core", "limits", "sdk", "words", ...PORTS], ["node:crypto", "uuid"]),
  // What stands between requests and the network, for all who send any.
  floor("guarded requests", [`${SERVER}/nodes/http-guard.ts`, `${SERVER}/nodes/http-address.ts`, `${SERVER}/nodes/http-ports.ts`], ["core"], ["node:net", "node:dns/promises", "undici"]),
  floor("nodes",           [`${SERVER}/nodes/`],      ["core", "node port", "model port", "model catalog", "sandbox port", "tool port", "files port", "document port", "retrieval port", "words", "guarded requests"], ["node:*", "undici", "zod"]),
  // Tools do what models and steps ask for. Their requests go through the executor of http steps, which is given to them.
  floor("tools",           [`${SERVER}/tools/`],      ["core", "node port", "tool port", "secret words", "gateway words"], ["node:fs", "node:path"]),
  floor("telemetry",       [`${SERVER}/telemetry/`],  ["core", "model port", "model catalog", "metric series"], []),
  floor("http",            [`${SERVER}/http/`],       ["core", "sdk", "metric series"], ["node:*", "fastify", "ws", "zod", "@fastify/busboy"]),
  floor("worker",          [`${SERVER}/worker/`],     ["core", "limits", "node port", "live port", "transport port", "task port", "secret words", "runtime"], ["node:crypto"]),
  floor("own workers",     [`${SERVER}/own-workers/`], ["core", "sdk", "node port", "task port", "transport port", "live port", "runtime", "worker"], ["node:crypto"]),

  // Pools as an operator sees them: what processes say of themselves, and which pools are paused.
  floor("pools",           [`${SERVER}/pools/`],      ["core", "sdk", "live port", "task port", "cold tables"], []),

  // Webhooks that are sent: they follow what the runtime records, and know the journal by its port.
  floor("outgoing webhooks", [`${SERVER}/webhooks/`], ["core", "sdk", "journal port", "cold tables", "secret words", "guarded requests", "metric series", "runtime"], ["kysely", "undici", "node:crypto"]),

  // Above all: one file chooses drivers, one is the library, one folder the command.
  floor("database facts",  [`${SERVER}/db/database-facts.ts`], [], ["pg"]),
  floor("config",          [`${SERVER}/config.ts`, `${SERVER}/config-files.ts`], ["core", "limits", "sandbox port", "http", "secret words", "gateway words", "gateway", "dataset words"], ["node:fs", "node:path"]),
  floor("compose",         [`${SERVER}/compose.ts`, `${SERVER}/compose-*`],  ["core", "limits", ...PORTS, "model port", "memory journal", "SQLite journal", "PostgreSQL journal",
    "memory blobs", "file blobs", "PostgreSQL blobs", "optional packages", "memory transport", "PostgreSQL transport", "Redis transport", "RabbitMQ transport", "S3 blobs", "upkeep", "files port", "files store", "documents", "knowledge", "conversation store", "connections", "connection shares", "cache", "Redis cache", "live exchange", "live rules", "memory live", "PostgreSQL live", "Redis live", "memory search", "SQLite search", "PostgreSQL search", "memory stream log", "SQLite stream log", "PostgreSQL stream log", "memory catalogue", "SQL catalogue", "cold tables", "SQLite tables", "PostgreSQL tables",
    "model catalog", "builtin models", "gateway", "JavaScript sandbox", "Python sandbox", "containers", "sandbox port", "secret words", "secrets", "tools", "triggers", "intervention", "schedules", "outgoing webhooks", "guarded requests", "nodes", "runtime", "worker", "pools", "telemetry", "memory tasks", "PostgreSQL tasks", "own workers"], ["node:*", "s3mini"]),
  floor("opened",          [`${SERVER}/weft.ts`],     ["core", "limits", "sdk", "compose", "sandbox port", "node port", "runtime"], ["node:os", "node:path"]),
  floor("intervention",    [`${SERVER}/intervention/`], ["core", "sdk", "cold tables", "journal port", "runtime"], ["kysely", "node:crypto"]),
  floor("test kit",        [`${SERVER}/testkit/`],    ["core", "sdk", "compose", "opened", "node port", "nodes", "model port", "model catalog", "gateway words", "runtime"], ["node:*", "zod"]),
  floor("library",         [`${SERVER}/index.ts`],    ["core", "sdk", "opened", "test kit", "node port", "nodes"], []),
  floor("backup",          [`${SERVER}/backup/`],     ["core"], ["node:*", "modern-tar"]),
  floor("command line",    [`${SERVER}/cli/`],        ["core", "sdk", "secret words", "opened", "library", "test kit", "config", "dataset words", "backup", "http", "database facts"], ["node:*", "commander", "pino", "fastify"]),
];

function floor(name: string, files: readonly string[], may: readonly string[], libraries: readonly string[]): Floor {
  return { name, files, may, libraries };
}

const GIVEN = "core is pure: it is given as an argument";

const BANS: readonly Ban[] = [
  { in: CORE, word: /\bDate\s*\.\s*now\b/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:new\s+)?Date\s*\(\s*\)/, instead: GIVEN },
  { in: CORE, word: /\bMath\s*\.\s*random\b/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:performance|process|crypto|console)(?=\s*[.[(])/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\s*\(/, instead: GIVEN },
  { in: CORE, word: /(?<![.\w$])(?:async|await)\b(?!\s*[:=,)])/, instead: "core waits for nothing" },
  { in: "packages/", word: /(?<![.\w$])eval\s*\(/, instead: "text from outside is never run in this process" },
  {
    in: "packages/",
    word: /(?<![.\w$])(?:new\s+)?Function\s*\(/,
    instead: "text from outside is never run in this process",
  },
  {
    in: SERVER,
    word: /(?:(?<![.\w$])|\bglobalThis\s*\.\s*)fetch\s*\(/,
    instead: "requests go through a pool of undici",
  },
];

/** Terms that let a user ship the product with the dependency in it, without further duties. */
// MPL-2.0 binds changes to the library's own files, and we make none: Pyodide is used as it comes.
const LICENSES = new Set([
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
  "MPL-2.0",
]);

const LINES_WORTH_A_LOOK = 450;
const LINES_MAX = 600;

const tree = readTree();

describe("the house", () => {
  test("every import stays within its floor", () => {
    expect(shown(brokenWalls(tree, FLOORS))).toEqual([]);
  });

  test("every floor of the table that is named by another is there", () => {
    const names = new Set(FLOORS.map(({ name }) => name));
    expect(FLOORS.flatMap(({ may }) => may.filter((name) => !names.has(name)))).toEqual([]);
    expect(names.size).toBe(FLOORS.length);
  });

  test("no floor of the table may know a floor that may know it", () => {
    const byName = new Map(FLOORS.map((one) => [one.name, one]));
    const knows = (from: Floor, to: Floor, seen = new Set<Floor>()): boolean =>
      from.may.some((name) => {
        const next = byName.get(name)!;
        if (next === to) return true;
        if (seen.has(next)) return false;
        seen.add(next);
        return knows(next, to, seen);
      });
    expect(FLOORS.filter((one) => knows(one, one)).map(({ name }) => name)).toEqual([]);
  });

  test("only compose.ts may name drivers", () => {
    const drivers = new Set(
      FLOORS.map(({ name }) => name).filter((name) => /^(memory|SQLite|PostgreSQL|Redis|RabbitMQ|file) /.test(name)),
    );
    const users = FLOORS.filter(({ may }) => may.some((name) => drivers.has(name))).map(({ name }) => name);
    expect(users).toEqual(["compose"]);
  });

  test("no import leads from one package into the folders of another", () => {
    expect(shown(crossings(tree))).toEqual([]);
  });

  test("no circle of imports meets a module before it is there", () => {
    expect(circles(tree, ["value"])).toEqual([]);
  });

  test("no circle of imports, those of types included", () => {
    expect(circles(tree, ["value", "type"])).toEqual([]);
  });

  test("core has no clock, no randomness, no waiting; nothing evaluates text; the server has no global fetch", () => {
    expect(shown(bannedWords(tree, BANS))).toEqual([]);
  });

  test("node:vm is used nowhere, for it is no border", () => {
    const users = [...tree].filter(
      ([path, text]) =>
        path.startsWith("packages/") &&
        importsOf(readCode(text)).some(({ specifier }) => specifier === "node:vm" || specifier === "vm"),
    );
    expect(users.map(([path]) => path)).toEqual([]);
  });

  test("every library is declared where it is used, with an exact version, and used where it is declared", () => {
    expect(shown(undeclared(tree))).toEqual([]);
  });

  test("all packages carry one version and one licence", () => {
    const manifests = [...tree]
      .filter(([path]) => /^(packages\/[^/]+\/)?package\.json$/.test(path))
      .map(
        ([, text]) => JSON.parse(text) as { version: string; license: string; dependencies?: Record<string, string> },
      );
    expect(new Set(manifests.map(({ version }) => version)).size).toBe(1);
    expect(new Set(manifests.map(({ license }) => license))).toEqual(new Set(["Apache-2.0"]));
    const inner = manifests.flatMap(({ dependencies = {} }) =>
      Object.entries(dependencies).filter(([name]) => PACKAGES[name]),
    );
    expect(inner.filter(([, version]) => version !== manifests[0]!.version)).toEqual([]);
  });

  test("everything installed for a user has a licence that asks nothing more of them", () => {
    const dependencies = productionDependencies(tree);
    expect(dependencies.length).toBeGreaterThan(10);
    const others = dependencies.filter(({ license }) => !LICENSES.has(license));
    expect(others).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const long = longFiles(tree, LINES_WORTH_A_LOOK);
    for (const { path, lines } of long)
      process.stderr.write(`worth a look for its second noun: ${path}, ${lines} lines\n`);
    expect(long.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });
});

/** The tree with some files replaced or added. */
function withFiles(files: Readonly<Record<string, string>>): Tree {
  return new Map([...tree, ...Object.entries(files)]);
}

/** What is new when these files are added. */
function wallsBy(files: Readonly<Record<string, string>>): readonly string[] {
  const before = new Set(shown(brokenWalls(tree, FLOORS)));
  return shown(brokenWalls(withFiles(files), FLOORS)).filter((violation) => !before.has(violation));
}

describe("the checks themselves", () => {
  test.each([
    {
      fact: "an expression that knows the engine is found",
      files: { [`${CORE}/expression/planted.ts`]: 'import { decide } from "../engine/decide.ts";' },
      finds: "core expression must not know core engine",
    },
    {
      fact: "a type imported upwards is found",
      files: { [`${CORE}/base/planted.ts`]: 'import type { Plan } from "../plan/plan.ts";' },
      finds: "core base must not know core plan",
    },
    {
      fact: "a re-export upwards is found",
      files: { [`${CORE}/workflow/planted.ts`]: '// first line\nexport * from "../plan/plan.ts";' },
      finds: "planted.ts:2 core workflow must not know core plan",
    },
    {
      fact: "a dynamic import upwards is found",
      files: { [`${CORE}/plan/planted.ts`]: 'export const late = import("../engine/decide.ts");' },
      finds: "core plan must not know core engine",
    },
    {
      fact: "an import over several lines is found",
      files: { [`${CORE}/base/planted.ts`]: 'import {\n  a, // why "not"\n  type B,\n} from "../engine/state.ts";' },
      finds: "core base must not know core engine",
    },
    {
      fact: "Node in core is found",
      files: { [`${CORE}/base/planted.ts`]: 'import { readFileSync } from "node:fs";' },
      finds: "core base must not use node:fs",
    },
    {
      fact: "a driver in the runtime is found",
      files: { [`${SERVER}/runtime/planted.ts`]: 'import { memoryJournal } from "../journal/memory.ts";' },
      finds: "runtime must not know memory journal",
    },
    {
      fact: "the runtime in a node is found",
      files: { [`${SERVER}/nodes/planted.ts`]: 'import type { Owner } from "../runtime/owner.ts";' },
      finds: "nodes must not know runtime",
    },
    {
      fact: "a driver that knows another driver is found",
      files: { [`${SERVER}/journal/sqlite-planted.ts`]: 'import { memoryJournal } from "./memory.ts";' },
      finds: "SQLite journal must not know memory journal",
    },
    {
      fact: "a driver with a foreign library is found",
      files: { [`${SERVER}/journal/sqlite-planted.ts`]: 'import pg from "pg";' },
      finds: "SQLite journal must not use the library pg",
    },
    {
      fact: "a thread that is another floor's file is found",
      files: { [`${SERVER}/http/planted.ts`]: 'new Worker(new URL("../journal/sqlite-worker.ts", import.meta.url));' },
      finds: "http must not know SQLite journal",
    },
    {
      fact: "a port that knows its driver is found",
      files: { [`${SERVER}/blob/blob.ts`]: 'import { fsBlobs } from "./fs.ts";' },
      finds: "blob port must not know file blobs",
    },
    {
      fact: "the server in the browser is found",
      files: { "packages/console/src/planted.ts": 'import { openWeft } from "weftwork";' },
      finds: "console must not know library",
    },
    {
      fact: "test support in the product is found",
      files: { [`${SERVER}/runtime/planted.ts`]: 'import { task } from "../nodes/test-task.ts";' },
      finds: "which only tests may use",
    },
    {
      fact: "an import of nothing is found",
      files: { [`${CORE}/base/planted.ts`]: 'import { gone } from "./gone-forever.ts";' },
      finds: "imports ./gone-forever.ts, which does not exist",
    },
    {
      fact: "an import whose name is computed is found",
      files: { [`${CORE}/base/planted.ts`]: "export const any = (name: string) => import(name);" },
      finds: "imports a module that nobody can name",
    },
    {
      fact: "a folder without a floor is found",
      files: { [`${SERVER}/utils/planted.ts`]: "export const one = 1;" },
      finds: "stands on no floor of the table",
    },
  ])("$fact", ({ files, finds }) => {
    const found = wallsBy(files);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join("\n")).toContain(finds);
  });

  test("imports in comments and in texts are none", () => {
    const text = [
      '// import { decide } from "../engine/decide.ts";',
      '/* import "../engine/decide.ts"; */',
      "const text = 'import \"../engine/decide.ts\"';",
      'const template = `import "../engine/decide.ts"; ${"import(\\"../plan/plan.ts\\")"}`;',
      String.raw`const regex = /["'] import "..\/engine\/decide.ts"/;`,
    ].join("\n");
    expect(importsOf(readCode(text))).toEqual([]);
    expect(wallsBy({ [`${CORE}/base/planted.ts`]: text })).toEqual([]);
  });

  test("a relative way into another package is found", () => {
    const files = { "packages/sdk/src/planted.ts": 'import { AppError } from "../../core/src/base/errors.ts";' };
    expect(shown(crossings(withFiles(files))).join()).toContain("leaves its package");
  });

  test("circles of values and of types are found, and told apart", () => {
    const one = `${CORE}/base/one.ts`;
    const two = `${CORE}/base/two.ts`;
    const values = withFiles({ [one]: 'import { b } from "./two.ts";', [two]: 'export { a } from "./one.ts";' });
    expect(circles(values, ["value"])).toContainEqual([one, two]);
    const types = withFiles({ [one]: 'import { b } from "./two.ts";', [two]: 'import type { A } from "./one.ts";' });
    expect(circles(types, ["value"])).not.toContainEqual([one, two]);
    expect(circles(types, ["value", "type"])).toContainEqual([one, two]);
  });

  test.each([
    ["Date.now()", "const at = Date.now();"],
    ["new Date()", "const at = new Date();"],
    ["Math.random", "const n = Math . random();"],
    ["performance", "const at = performance.now();"],
    ["process", "const home = process.env;"],
    ["async", "const later = async () => 1;"],
    ["a timer", "setTimeout(() => 1, 5);"],
    ["eval", 'eval("1");'],
    ["new Function", 'new Function("return 1");'],
  ])("%s in core is found", (_name, code) => {
    expect(bannedWords(new Map([[`${CORE}/base/planted.ts`, code]]), BANS)).toHaveLength(1);
  });

  test("banned words in comments, texts, and as names of members are none", () => {
    const code = '// Date.now()\nconst text = "eval(1)"; const m = { process: 1 }; m.process; new Date(5); task.async;';
    expect(bannedWords(new Map([[`${CORE}/base/planted.ts`, code]]), BANS)).toEqual([]);
  });

  test("a global fetch in the server is found, and a member of that name is none", () => {
    const code = "await fetch(url); globalThis.fetch(url); this.fetch(url);";
    expect(bannedWords(new Map([[`${SERVER}/nodes/planted.ts`, code]]), BANS)).toHaveLength(2);
  });

  test("a library that is not declared, a loose version and an idle dependency are found", () => {
    const manifest = JSON.stringify({ name: "x", dependencies: { yaml: "^2.0.0" } });
    const files = new Map([
      ["packages/core/package.json", manifest],
      ["packages/core/src/base/planted.ts", 'import lodash from "lodash/fp";'],
    ]);
    const found = shown(undeclared(files)).join("\n");
    expect(found).toContain("lodash is not declared in packages/core/package.json");
    expect(found).toContain("yaml must have an exact version, and has ^2.0.0");
    expect(found).toContain("yaml is declared, and no file uses it");
  });

  test("an optional package counts as declared where the root pins it, and is found where nobody uses it", () => {
    const files = new Map([
      ["package.json", JSON.stringify({ devDependencies: { ioredis: "6.0.0" } })],
      [
        "packages/server/package.json",
        JSON.stringify({
          name: "x",
          peerDependencies: { ioredis: "^6.0.0", bullmq: "^6.0.0", s3mini: "^1.0.0" },
          peerDependenciesMeta: { ioredis: { optional: true }, bullmq: { optional: true }, s3mini: { optional: true } },
        }),
      ],
      [`${SERVER}/live/planted.ts`, 'import "ioredis";\nimport "bullmq";'],
    ]);
    expect(shown(undeclared(files))).toEqual([
      `${SERVER}/live/planted.ts:2 bullmq is not declared in packages/server/package.json`,
      "packages/server/package.json s3mini is declared, and no file uses it",
    ]);
  });

  test("a file that is too long is found", () => {
    const files = withFiles({ [`${CORE}/base/planted.ts`]: "\n".repeat(LINES_MAX + 1) });
    expect(longFiles(files, LINES_MAX)[0]?.path).toBe(`${CORE}/base/planted.ts`);
  });

  test("every file of the packages has a floor", () => {
    const sources = [...tree.keys()].filter((path) => /^packages\/[^/]+\/src\//.test(path));
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.filter((path) => !floorOf(path, FLOORS) && !isTestSupport(path))).toEqual([]);
  });
});
