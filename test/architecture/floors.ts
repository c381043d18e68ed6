import type { Floor } from "./check.ts";

export const CORE = "packages/core/src";
export const SERVER = "packages/server/src";
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

/**
 * Who may know whom. The first row that fits a file is its floor; a floor knows itself, the floors in `may`, and the
 * libraries named. A file without a floor is a violation, so a new folder begins with a row here.
 */
// prettier-ignore
export const FLOORS: readonly Floor[] = [
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
  floor("optional packages", [`${SERVER}/base/optional*`],   ["core"], []),
  floor("batches",         [`${SERVER}/base/batch*`],      [], []),

  // Drivers: each knows its port and its library. What two drivers of a port share stands on a floor between.
  floor("numbers of PostgreSQL", [`${SERVER}/db/postgres-numbers.ts`],          [], ["pg"]),
  // The connections of a process to its server: how many there may be, and how pools keep to that.
  floor("connection shares",  [`${SERVER}/connections/shares.ts`],           [], []),
  floor("connection pools",   [`${SERVER}/connections/pool.ts`, `${SERVER}/connections/busy.ts`], ["core"], ["pg"]),
  // What lies between: a pooler keeps nothing of a session.
  floor("pooler",             [`${SERVER}/connections/pooled.ts`],           [], ["pg", "node:crypto"]),
  floor("way to PostgreSQL",  [`${SERVER}/connections/way.ts`],              ["pooler"], ["pg", "node:crypto"]),
  floor("listening connection", [`${SERVER}/connections/listener.ts`],       ["pooler"], ["pg"]),
  floor("connections",        [`${SERVER}/connections/`],                    ["connection shares", "connection pools", "way to PostgreSQL", "numbers of PostgreSQL"], ["pg"]),
  floor("journal rules",      [`${SERVER}/journal/rules.ts`],                ["core", "journal port"], []),
  floor("lease thread",       [`${SERVER}/journal/lease-*`],                 ["core"], ["node:*", "pg"]),
  floor("memory journal",     [`${SERVER}/journal/memory*`],                 ["core", "journal port", "journal rules"], []),
  floor("SQLite journal",     [`${SERVER}/journal/sqlite*`],                 ["core", "journal port", "journal rules"], ["node:*"]),
  // The tables of the journal and the way to them, which stores beside it share.
  floor("schema of the journal", ["pool", "arrays", "errors", "schema"].map((part) => `${SERVER}/journal/postgres-${part}.ts`), ["core", "numbers of PostgreSQL", "connection pools", "connection shares", "way to PostgreSQL"], ["pg", "node:*"]),
  floor("PostgreSQL journal", [`${SERVER}/journal/postgres*`],               ["core", "batches", "journal port", "journal rules", "lease thread", "numbers of PostgreSQL", "connection pools", "connection shares", "way to PostgreSQL", "schema of the journal", "listening connection"], ["pg", "node:*"]),
  floor("memory tasks",       [`${SERVER}/tasks/memory*`],                   ["core", "journal port", "journal rules", "transport port", "task port"], []),
  // In the journal's schema, over its kind of connections.
  floor("PostgreSQL tasks",   [`${SERVER}/tasks/postgres*`],                 ["core", "journal rules", "schema of the journal", "transport port", "task port", "connection shares", "way to PostgreSQL"], []),
  floor("memory blobs",       [`${SERVER}/blob/memory.ts`],                  ["core", "blob port"], []),
  floor("file blobs",         [`${SERVER}/blob/fs.ts`],                      ["core", "blob port"], ["node:*"]),
  floor("PostgreSQL blobs",   [`${SERVER}/blob/postgres.ts`],                ["core", "blob port", "connection pools"], ["pg", "node:*"]),
  floor("S3 blobs",           [`${SERVER}/blob/s3*`],                        ["core", "blob port"], ["s3mini", "undici", "node:*"]),
  floor("live rules",         [`${SERVER}/live/listeners.ts`, `${SERVER}/live/frames.ts`, `${SERVER}/live/wire.ts`], [], []),
  floor("live exchange",      [`${SERVER}/live/exchange.ts`, `${SERVER}/live/shared.ts`], ["live port", "live rules"], []),
  // What the transports share: messages, the turns of the classes, and the loop that hands messages out.
  floor("transport rules",    [`${SERVER}/transport/ticket.ts`, `${SERVER}/transport/turns.ts`, `${SERVER}/transport/pump.ts`, `${SERVER}/transport/consumers.ts`, `${SERVER}/transport/gather.ts`, `${SERVER}/transport/unavailable.ts`], ["core", "transport port"], []),
  floor("memory transport",   [`${SERVER}/transport/memory.ts`],             ["core", "transport port", "transport rules"], []),
  floor("PostgreSQL transport", [`${SERVER}/transport/postgres*`],           ["core", "transport port", "transport rules", "numbers of PostgreSQL", "connection pools", "connection shares", "way to PostgreSQL", "listening connection"], ["pg", "node:crypto"]),
  floor("Redis transport",    [`${SERVER}/transport/redis*`],                ["core", "transport port", "transport rules", "optional packages"], ["bullmq", "ioredis", "node:crypto"]),
  floor("RabbitMQ transport", [`${SERVER}/transport/rabbitmq.ts`],           ["core", "transport port", "transport rules", "optional packages"], ["rabbitmq-client"]),
  floor("memory live",        [`${SERVER}/live/memory.ts`],                  ["live port", "live rules"], []),
  floor("PostgreSQL live",    [`${SERVER}/live/postgres.ts`],                ["live rules", "listening connection"], []),
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
  floor("worker",          [`${SERVER}/worker/`],     ["core", "batches", "limits", "node port", "live port", "transport port", "task port", "secret words", "runtime"], ["node:crypto"]),
  floor("own workers",     [`${SERVER}/own-workers/`], ["core", "sdk", "node port", "task port", "transport port", "live port", "runtime", "worker"], ["node:crypto"]),

  // Pools as an operator sees them: what processes say of themselves, and which pools are paused.
  floor("pools",           [`${SERVER}/pools/`],      ["core", "sdk", "live port", "task port", "cold tables"], []),

  // Webhooks that are sent: they follow what the runtime records, and know the journal by its port.
  floor("outgoing webhooks", [`${SERVER}/webhooks/`], ["core", "sdk", "journal port", "cold tables", "secret words", "guarded requests", "metric series", "runtime"], ["kysely", "undici", "node:crypto"]),

  // Above all: one file chooses drivers, one is the library, one folder the command.
  floor("database facts",  [`${SERVER}/db/database-facts.ts`], [], ["pg"]),
  floor("config",          [`${SERVER}/config.ts`, `${SERVER}/config-files.ts`], ["core", "limits", "sandbox port", "http", "secret words", "gateway words", "gateway", "dataset words"], ["node:fs", "node:path"]),
  floor("compose",         [`${SERVER}/compose.ts`, `${SERVER}/compose-*`],  ["core", "limits", ...PORTS, "model port", "memory journal", "SQLite journal", "PostgreSQL journal",
    "memory blobs", "file blobs", "PostgreSQL blobs", "optional packages", "memory transport", "PostgreSQL transport", "Redis transport", "RabbitMQ transport", "S3 blobs", "upkeep", "files port", "files store", "documents", "knowledge", "conversation store", "connections", "connection shares", "way to PostgreSQL", "cache", "Redis cache", "live exchange", "live rules", "memory live", "PostgreSQL live", "Redis live", "memory search", "SQLite search", "PostgreSQL search", "memory stream log", "SQLite stream log", "PostgreSQL stream log", "memory catalogue", "SQL catalogue", "cold tables", "SQLite tables", "PostgreSQL tables",
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
