import { compose } from "../../packages/server/src/compose.ts";
import { INPUTS, NODES, type Variant, type Workload } from "./workload.ts";

/** One row that the engine really wrote for a run of a workload; the floor writes the same. */
export interface RowShape {
  readonly body: string;
  /** This row creates the run, or ends it. A run of pure steps does both in one. */
  readonly first: boolean;
  readonly last: boolean;
}

const TENANT = "default";

/** Runs the workload once, in memory, and reads the journal. */
export async function rowShapes(workload: Workload, variant: Variant): Promise<readonly RowShape[]> {
  const { engine, journal, close } = await compose({
    store: "memory",
    nodes: NODES,
    pools: {},
    httpAllow: [],
    retentionMs: null,
    models: null,
    defaultModel: null,
    discover: false,
    tenant: TENANT,
    name: "bench",
    problem: (message, _, error) => {
      throw new Error(message, { cause: error });
    },
  });
  try {
    await engine.workflows.publish(workload.source(variant));
    const { run } = await engine.runs.start({ workflow: workload.workflow, inputs: INPUTS });
    const ended = await engine.runs.wait(run.id);
    if (ended?.status !== "succeeded") throw new Error(`the sample run ended ${JSON.stringify(ended)}`);
    const head = await journal.head(TENANT, run.id);
    const { rows } = await journal.read(head!.runKey, { snapshot: false });
    return rows.map(({ body }, at) => ({ body, first: at === 0, last: at === rows.length - 1 }));
  } finally {
    await close(1000);
  }
}
