import { freemem, totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { ok, warn, type Check } from "./check.ts";

const MEGABYTE = 1024 ** 2;
const HEAP_MIN = 512 * MEGABYTE;
const FREE_MIN = 256 * MEGABYTE;

/** The runtime: what it is, and whether anything is known to go badly on it. A Node that is too old never gets here. */
export const nodeCheck: Check = {
  name: "node",
  async look() {
    const { versions, arch, platform } = process;
    const facts = { version: versions.node, arch, platform };
    return [ok("doctor.node", { values: facts, facts })];
  },
};

/** What the engine may hold: a quarter of the heap goes to values, so a small heap means slow runs. */
export const memoryCheck: Check = {
  name: "memory",
  async look() {
    const total = process.constrainedMemory() || totalmem();
    const facts = { total: Math.min(total, totalmem()), free: freemem(), heap: getHeapStatistics().heap_size_limit };
    const values = { total: mb(facts.total), free: mb(facts.free), heap: mb(facts.heap) };
    if (facts.heap < HEAP_MIN) return [warn("doctor.memory", "doctor.memory.heap", { values, facts })];
    if (facts.free < FREE_MIN) return [warn("doctor.memory", "doctor.memory.free", { values, facts })];
    return [ok("doctor.memory", { values, facts })];
  },
};

function mb(bytes: number): number {
  return Math.round(bytes / MEGABYTE);
}

const FILES_MIN = 4096;

/** Watchers and connections to models are open files, and a server that has none left refuses both. */
export const filesCheck: Check = {
  name: "open files",
  async look() {
    const limit = openFiles();
    if (limit === null) return [ok("doctor.files.unlimited", { facts: { limit: null } })];
    const said = { values: { limit, least: FILES_MIN }, facts: { limit } };
    return [limit < FILES_MIN ? warn("doctor.files", "doctor.files.raise", said) : ok("doctor.files", said)];
  },
};

interface Limits {
  readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
}

/** The limit that Node reports of its own process; null for none, as on Windows. */
function openFiles(): number | null {
  // Asking the network for the names of peers would take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const soft = Number((process.report.getReport() as Limits).userLimits?.open_files?.soft);
  return Number.isFinite(soft) ? soft : null;
}
