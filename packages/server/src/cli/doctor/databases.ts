import { DatabaseSync } from "node:sqlite";
import { databaseFacts } from "../../db/database-facts.ts";
import { fail, ok, warn, type Check, type Finding } from "./check.ts";

/** The SQLite that this Node has built in. */
export const sqliteCheck: Check = {
  name: "sqlite",
  async look() {
    const db = new DatabaseSync(":memory:");
    try {
      const { version } = db.prepare("select sqlite_version() as version").get() as { version: string };
      return [ok("doctor.sqlite", { values: { version }, facts: { version } })];
    } finally {
      db.close();
    }
  },
};

const VERSION_MIN = 15;
const CONNECTIONS_MIN = 20;
const CLOCK_MS_MAX = 1000;
const WAIT_MS = 5000;

/** The database that is configured: whether it answers, is new enough, has room, and agrees about the time. */
export const postgresCheck: Check = {
  name: "postgresql",
  async look({ config }) {
    if (config.databaseUrl === null) return [];
    const { host } = new URL(config.databaseUrl);
    let facts;
    try {
      facts = await databaseFacts(config.databaseUrl, WAIT_MS);
    } catch (error) {
      // A refused connection to several addresses has its reasons inside and none of its own.
      const reason = (error as Error).message || String((error as { readonly code?: unknown }).code);
      return [fail("doctor.postgres.silent", "doctor.postgres.start", { values: { host, reason }, facts: { host } })];
    }
    const { version, maxConnections, connections, clockDifferenceMs, roundTripMs } = facts;
    const values = {
      host,
      version,
      max: maxConnections,
      used: connections,
      least: VERSION_MIN,
      difference: Math.round(clockDifferenceMs),
      time: roundTripMs.toFixed(1),
    };
    const said = { values, facts: { host, ...facts } };
    const findings: Finding[] = [
      major(version) < VERSION_MIN
        ? fail("doctor.postgres", "doctor.postgres.update", said)
        : ok("doctor.postgres", said),
    ];
    if (maxConnections < CONNECTIONS_MIN)
      findings.push(warn("doctor.postgres.few", "doctor.postgres.raise", { values }));
    // Half of the round trip is the error of the measurement.
    if (Math.abs(clockDifferenceMs) > CLOCK_MS_MAX + roundTripMs / 2)
      findings.push(warn("doctor.postgres.clock", "doctor.clock.sync", { values }));
    return findings;
  },
};

/** `17.2 (Debian 17.2-1)` is 17. */
function major(version: string): number {
  return Number(/^\d+/.exec(version)?.[0] ?? Number.NaN);
}
