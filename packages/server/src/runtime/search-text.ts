import { decodeEvents, decodeRow, type Json, type Payload, type RunCreated, type RunEvent } from "@weftwork/core";
import type { Journal } from "../journal/journal.ts";
import type { Payloads } from "./payloads.ts";

/** Characters of the inputs, and of the outputs, that are searched. */
const PART_CHARS_MAX = 8000;
/** Bytes of a value that is read for it; of a larger one nothing is searched. */
const VALUE_BYTES_MAX = 64 * 1024;

export interface TextSources {
  readonly journal: Journal;
  readonly payloads: Payloads;
  readonly tenant: string;
}

/** What of a run can be searched: the beginning of its inputs and outputs, and its error. */
export async function searchText({ journal, payloads, tenant }: TextSources, runKey: number): Promise<string> {
  const record = await journal.read(runKey, { snapshot: true });
  const first = record.snapshot
    ? (JSON.parse(record.snapshot.body.slice(1)) as { created: RunCreated }).created
    : (decodeRow(record.rows[0]!.body)[0]!.events[0] as RunCreated);
  const created = record.snapshot ? (decodeEvents([first as never])[0] as RunCreated) : first;
  const last = record.rows.at(-1);
  const end = last && decodeRow(last.body).at(-1)?.events.at(-1);
  const { values, text } = endOf(end);
  const wanted = [created.inputs, ...values].filter(({ size }) => size <= VALUE_BYTES_MAX);
  await payloads.load(tenant, wanted);
  return [...wanted.map(({ value }) => plainText(value)), text].join("\n");
}

function endOf(event: RunEvent | undefined): { readonly values: readonly Payload[]; readonly text: string } {
  switch (event?.type) {
    case "run_completed":
      return { values: [event.output], text: "" };
    case "run_failed":
      return { values: [], text: `${event.failure.code} ${event.failure.message} ${event.node ?? ""}` };
    case "run_cancelled":
      return { values: [], text: `RUN_CANCELLED ${event.reason}` };
    default:
      return { values: [], text: "" };
  }
}

/** The texts and numbers of a value, without its structure. */
function plainText(value: Json): string {
  const parts: string[] = [];
  let left = PART_CHARS_MAX;
  const due: Json[] = [value];
  for (let next = due.pop(); next !== undefined && left > 0; next = due.pop()) {
    if (next === null || typeof next === "boolean") continue;
    if (typeof next === "object") {
      const inner = Array.isArray(next) ? (next as readonly Json[]) : Object.values(next);
      for (let at = Math.min(inner.length, left) - 1; at >= 0; at--) due.push(inner[at]!);
      continue;
    }
    const text = String(next).slice(0, left);
    parts.push(text);
    left -= text.length + 1;
  }
  return parts.join(" ");
}
