import { openWeft, type Weft } from "weftwork";
import type { OpenContender, Task } from "./contender.ts";
import { INPUTS, NODES } from "./workload.ts";

/** Ours, as a library in this process. */
export async function weftwork(address: string, { workload, variant }: Task): Promise<OpenContender> {
  const weft = await openBench(address);
  await weft.workflows.publish(workload.source(variant));
  const submission = { workflow: workload.workflow, inputs: INPUTS };
  return {
    async run() {
      const { run } = await weft.runs.start(submission);
      const ended = run.finished_at === null ? await weft.runs.wait(run.id) : run;
      if (ended?.status !== "succeeded") throw new Error(`a run ended ${JSON.stringify(ended)}`);
    },
    close: () => weft.close(),
  };
}

export function openBench(address: string): Promise<Weft> {
  return openWeft({ store: address, nodes: NODES, name: "bench" });
}
