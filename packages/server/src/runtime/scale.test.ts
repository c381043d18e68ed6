import { expect, test } from "vitest";
import { decodeRow } from "@weftwork/core";
import { TestBench, turn } from "./engine.testing.ts";

/** What a run of many rounds or items leaves behind, and holds on its way. Counts, so that a slow machine proves it too. */
interface Size {
  readonly rowChars: number;
  readonly events: number;
  readonly snapshotCharsMax: number;
  readonly scopesMax: number;
  readonly owedMax: number;
}

async function sizeOf(workflow: object): Promise<Size> {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, workflow);
  const most = { snapshot: 0, scopes: 0, owed: 0 };
  bench.intercept = async (append, membership, batch) => {
    for (const { snapshot } of batch) most.snapshot = Math.max(most.snapshot, snapshot?.length ?? 0);
    for (const { state } of process.engine.owner.runs.values()) {
      most.scopes = Math.max(most.scopes, state.scopes.size);
      most.owed = Math.max(most.owed, state.owed.size);
    }
    return append(membership, batch);
  };
  void process.engine.runs.start({ workflow: "big", id: "r" });
  while ((await process.engine.runs.get("r"))?.finished_at == null) {
    process.membership.renew();
    await turn();
  }
  expect((await process.engine.runs.get("r"))!.status).toBe("succeeded");
  const rows = await bench.rows("r");
  return {
    rowChars: rows.reduce((sum, { body }) => sum + body.length, 0),
    events: rows.flatMap(({ body }) => decodeRow(body)).reduce((sum, { events }) => sum + events.length, 0),
    snapshotCharsMax: most.snapshot,
    scopesMax: most.scopes,
    owedMax: most.owed,
  };
}

const loop = (size: number): object => ({
  name: "big",
  outputs: {},
  steps: [
    {
      id: "l",
      type: "loop",
      max_iterations: size,
      vars: { n: 0 },
      collect: "{{ loop.n }}",
      steps: [
        { id: "a", type: "step", value: "{{ loop.index }}" },
        { id: "b", type: "assign", variables: { n: "{{ loop.n + 1 }}" } },
      ],
    },
  ],
});
const each = (size: number): object => ({
  name: "big",
  outputs: {},
  steps: [
    {
      id: "e",
      type: "for_each",
      items: `{{ range(${size}) | list }}`,
      concurrency: 8,
      steps: [{ id: "a", type: "step", value: "{{ item }}" }],
    },
  ],
});

test.for([
  ["rounds of a loop", loop],
  ["items of a for_each", each],
] as const)("twice the %s is twice the storage, and no more memory", async ([, workflow]) => {
  const [small, large] = [await sizeOf(workflow(2000)), await sizeOf(workflow(4000))];
  expect(large.events).toBeLessThan(2.02 * small.events);
  expect(large.rowChars).toBeLessThan(2.1 * small.rowChars);
  // A page of a thousand values stands in the state until it is full; the items themselves are named by hash.
  expect(large.snapshotCharsMax).toBeLessThan(1.1 * small.snapshotCharsMax);
  expect(large.snapshotCharsMax).toBeLessThan(100_000);
  expect(large.scopesMax).toBeLessThanOrEqual(9);
  expect(large.owedMax).toBeLessThanOrEqual(9);
});
