import type { Place } from "../workflow/workflow.ts";
import type { Support } from "./support.ts";

/** What an import found, for people to read before they rely on it. */
export interface ImportReport {
  readonly name: string;
  /** `workflow`, `advanced-chat`, or what else the file says of itself. */
  readonly mode: string;
  /** Version of the file's format. */
  readonly version: string;
  readonly nodes: readonly NodeReport[];
  /** What the whole file needs beside its nodes: secrets without a value. */
  readonly needs: readonly Need[];
  /** Plugins that the file names; nothing is installed. */
  readonly plugins: readonly string[];
}

export interface NodeReport {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  /** Type of the step it becomes; empty for a part of another step, and for a node that does not run. */
  readonly step: string;
  readonly support: Support;
  /** What differs, or why it cannot run; empty when there is nothing to say. */
  readonly about: string;
  readonly needs: readonly Need[];
  readonly place: Place;
}

/** Something that the operator of a server has to provide. */
export interface Need {
  readonly what: "model" | "tool" | "dataset" | "secret" | "workflow" | "agent" | "package";
  /** Name as the file has it. */
  readonly name: string;
}

/** How many nodes have each support. */
export function countSupport(report: ImportReport): Readonly<Record<Support, number>> {
  const counts = { runs: 0, runs_with_difference: 0, needs_configuration: 0, not_supported: 0 };
  for (const { support } of report.nodes) counts[support] += 1;
  return counts;
}
