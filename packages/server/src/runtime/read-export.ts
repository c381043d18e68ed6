import { createHash } from "node:crypto";
import {
  AppError,
  decodeRow,
  foldRow,
  initialState,
  isJsonObject,
  type Decision,
  type Json,
  type JsonObject,
  type Payload,
  type RunState,
} from "@weftwork/core";
import { EXPORT_FORMAT, type Run, type RunExport } from "@weftwork/sdk";
import type { Catalogue, StoredVersion } from "../db/catalogue.ts";
import { runView } from "./view.ts";
import { Workflows, type PreparedPlan } from "./workflows.ts";

/** A run read back from its export. */
export interface ExportReading {
  readonly run: Run;
  readonly document: RunExport;
  readonly plans: PreparedPlan;
  readonly decisions: readonly Decision[];
  readonly state: RunState;
  /** Makes values readable that stand in the document by their hash. */
  load(payloads: readonly Payload[]): void;
}

const TENANT = "export";

/**
 * Reads an export and folds the run from its events, on nothing but the document. It may come from anywhere: every value
 * is checked against its hash, every workflow against its own, the rows for being whole, and the run that the document
 * shows against the one that follows from its events. Throws `EXPORT_INVALID`; executes nothing.
 */
export async function readExport(given: string | JsonObject): Promise<ExportReading> {
  try {
    return await read(given);
  } catch (error) {
    if (error instanceof AppError && error.code === "EXPORT_INVALID") throw error;
    throw invalid(error instanceof Error ? error.message : String(error), error);
  }
}

async function read(given: string | JsonObject): Promise<ExportReading> {
  const value = typeof given === "string" ? (JSON.parse(given) as Json) : given;
  if (!isJsonObject(value)) throw invalid("it is no JSON object");
  if (value["format"] !== EXPORT_FORMAT)
    throw invalid(`its format is ${JSON.stringify(value["format"] ?? null)}, not ${EXPORT_FORMAT}`);
  const { workflow, payloads, rows } = value;
  if (!isJsonObject(workflow) || !isJsonObject(payloads) || !Array.isArray(rows) || !isJsonObject(value["run"]))
    throw invalid("run, workflow, payloads or rows is missing");
  const texts = checkedPayloads(payloads);
  const decisionsByRow = (rows as readonly Json[]).map((row, at) => decisionsOf(row, at + 1));
  const created = decisionsByRow[0]?.[0]?.events[0];
  if (created?.type !== "run_created") throw invalid("its first event is not run_created");
  const plans = await plansOf(workflow, created);
  const state = initialState(plans.plan, plans.nested);
  for (const decisions of decisionsByRow) foldRow(state, decisions);
  const load = (wanted: readonly Payload[]): void => loadFrom(texts, wanted);
  load(state.output ? [created.inputs, state.output] : [created.inputs]);
  const output = state.output?.value ?? null;
  const run = runView({ state, inputs: created.inputs.value as JsonObject, output, unserved: new Map() });
  if (JSON.stringify(run) !== JSON.stringify(value["run"]))
    throw invalid("the run it shows does not follow from its events");
  const document = value as unknown as RunExport;
  return { run, document, plans, decisions: decisionsByRow.flat(), state, load };
}

function decisionsOf(row: Json, seq: number): readonly Decision[] {
  if (!isJsonObject(row) || row["seq"] !== seq || typeof row["format"] !== "string" || !Array.isArray(row["decisions"]))
    throw invalid(`row ${seq} is missing or no row`);
  return decodeRow(row["format"] + JSON.stringify(row["decisions"]));
}

function checkedPayloads(payloads: JsonObject): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [hash, text] of Object.entries(payloads)) {
    if (typeof text !== "string" || createHash("sha256").update(text).digest("hex") !== hash)
      throw invalid(`the value ${hash.slice(0, 80)} does not fit its hash`);
    texts.set(hash, text);
  }
  return texts;
}

function loadFrom(texts: ReadonlyMap<string, string>, wanted: readonly Payload[]): void {
  // A stored list is read first, and then the elements that it turns out to have.
  for (let missing = missingOf(wanted); missing.length > 0; missing = missingOf(wanted)) {
    for (const payload of missing) {
      const text = texts.get(payload.reference!.hash);
      if (text === undefined) throw invalid(`the value ${payload.reference!.hash} is not in it`);
      payload.load(text);
    }
  }
}

function missingOf(payloads: readonly Payload[]): readonly Payload[] {
  return payloads.flatMap((payload) => payload.missing());
}

/** The plans of the document, compiled from its own sources. */
async function plansOf(
  workflow: JsonObject,
  { hash, pins }: { readonly hash: string; readonly pins: PreparedPlan["pins"] },
): Promise<PreparedPlan> {
  const nested = isJsonObject(workflow["nested"]) ? Object.values(workflow["nested"]) : [];
  const versions = [workflow, ...nested].map(versionOf);
  const catalogue: Pick<Catalogue, "byHash"> = {
    byHash: async (_tenant, wanted) => versions.find((version) => version.hash === wanted) ?? null,
  };
  const ownTypes = isJsonObject(workflow["own_types"]) ? workflow["own_types"] : {};
  const workflows = new Workflows({
    catalogue: catalogue as Catalogue,
    registry: {
      get: unavailable,
      has: () => false,
      types: () => [],
      ownTypes: () => Object.keys(ownTypes),
      secretFields: (type) => textsOf(ownTypes, type),
    },
    clock: { now: () => 0, monotonic: () => 0, after: unavailable, soon: unavailable },
    tenant: TENANT,
  });
  const plans = await workflows.pinned(hash, pins);
  for (const [plan, wanted] of [
    [plans.plan, hash] as const,
    ...Object.entries(pins).map(([key, pin]) => [plans.nested.get(key)!, pin] as const),
  ])
    if (plan.hash !== wanted) throw invalid(`the source of ${plan.name} does not fit its hash`);
  return plans;
}

function versionOf(value: Json): StoredVersion {
  if (!isJsonObject(value)) throw invalid("a workflow is no object");
  const [name, version, hash, source] = ["name", "version", "hash", "source"].map((member) => {
    const text = value[member];
    if (typeof text !== "string") throw invalid(`a workflow has no ${member}`);
    return text;
  });
  return { tenant: TENANT, name: name!, version: version!, hash: hash!, source: source!, createdAt: 0 };
}

function textsOf(lists: JsonObject, name: string): readonly string[] {
  const list = Object.hasOwn(lists, name) ? lists[name] : null;
  return Array.isArray(list) ? (list as readonly Json[]).map(String) : [];
}

function unavailable(): never {
  throw new Error("nothing is executed here");
}

function invalid(reason: string, cause?: unknown): AppError {
  return new AppError("EXPORT_INVALID", { reason: reason.slice(0, 500) }, { cause });
}
