import { createHash } from "node:crypto";
import { AppError, type JsonObject } from "@weftwork/core";
import type { Run } from "@weftwork/sdk";
import type { Runs } from "./runs.ts";
import type { Workflows } from "./workflows.ts";

/** How deep runs may begin runs by tools. */
export const CHILD_DEPTH_MAX = 5;

/** In the metadata of a run that a tool began: how deep it is, and whose step called the tool. */
const DEPTH = "tool_depth";
const PARENT = "parent_run";

/** How long a parent is waited for to be seen as ended. */
const SETTLE_MS = 2000;

export interface ChildRun {
  readonly workflow: string;
  readonly version: string | null;
  readonly inputs: JsonObject;
  readonly key: string;
  readonly parent: string;
  readonly signal: AbortSignal;
}

/**
 * Runs that steps of other runs begin and wait for: a workflow as a tool. Each is a run of its own with its own record,
 * so it is found again after a crash of either.
 */
export class ChildRuns {
  private readonly runs: Runs;
  private readonly workflows: Workflows;

  constructor(runs: Runs, workflows: Workflows) {
    this.runs = runs;
    this.workflows = workflows;
  }

  /** Throws `WORKFLOW_NOT_FOUND`. */
  async describe(
    name: string,
    version: string | null,
  ): Promise<{ readonly description: string | null; readonly inputs: JsonObject | null }> {
    const { plan } = await this.workflows.prepare(name, version);
    const { description, inputs } = plan.workflow;
    return { description, inputs };
  }

  /**
   * The outputs of a run. The key decides its id: the same call finds the same run. A caller that gives up leaves the run
   * going when its own run goes on elsewhere, and cancels it otherwise.
   */
  async run({ workflow, version, inputs, key, parent, signal }: ChildRun): Promise<JsonObject> {
    const depth = await this.depthOf(parent);
    if (depth >= CHILD_DEPTH_MAX) throw new AppError("NESTING_LIMIT", { limit: CHILD_DEPTH_MAX });
    const id = `run_tool_${createHash("sha256").update(key).digest("hex").slice(0, 40)}`;
    const { run: begun } = await this.runs.start({
      id,
      workflow,
      inputs,
      metadata: { [PARENT]: parent, [DEPTH]: depth + 1 },
      accepted: true,
      ...(version === null ? {} : { version }),
    });
    const run = begun.finished_at === null ? await this.runs.wait(id, { signal }) : begun;
    if (signal.aborted) {
      void this.leave(id, parent, signal);
      throw signal.reason;
    }
    return outputsOf(run, workflow, id);
  }

  private async depthOf(parent: string): Promise<number> {
    const run = await this.runs.get(parent);
    const depth = run?.metadata[DEPTH];
    return typeof depth === "number" && depth > 0 ? Math.floor(depth) : 0;
  }

  /** A step that is out of time has no use for the run any more; nor has a run that has ended. */
  private async leave(id: string, parent: string, { reason }: AbortSignal): Promise<void> {
    try {
      const isLate = reason instanceof AppError && reason.code === "STEP_TIMEOUT";
      const ended = isLate || (await this.runs.wait(parent, { timeoutMs: SETTLE_MS }))?.finished_at != null;
      if (ended) await this.runs.cancel(id, "the step that began it has ended");
    } catch {
      // The store is gone, or the process ends: the run stays as it is, and goes on to its own end.
    }
  }
}

function outputsOf(run: Run | null, workflow: string, id: string): JsonObject {
  if (run?.status === "succeeded") return run.outputs ?? {};
  const said = run?.error ? `: ${run.error.message}` : "";
  throw new AppError("TOOL_FAILED", {
    tool: workflow,
    reason: `its run ${id} is ${run?.status ?? "gone"}${said}`,
  });
}
