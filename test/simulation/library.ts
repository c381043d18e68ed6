import type { Plan } from "@weftwork/core";
import type { Catalogue, StoredVersion } from "../../packages/server/src/db/catalogue.ts";
import { memoryCatalogue } from "../../packages/server/src/db/catalogue-memory.ts";
import type { NodeRegistry } from "../../packages/server/src/nodes/node.ts";
import { Workflows } from "../../packages/server/src/runtime/workflows.ts";
import { randomPlan } from "./plans.ts";
import { Random } from "./random.ts";
import { START, TENANT } from "./world.ts";

/** Random workflows to choose from. Compiling one costs as much as simulating with it, so seeds share them. */
const SIZE = 400;

/** Compiled plans by hash. A plan never changes, so all simulations and all their processes share them. */
export const PLANS = new Map<string, Plan>();

const versions = new Map<number, readonly StoredVersion[]>();

/** The workflow of a number, with the nested one that it may call. The same for everybody who asks. */
async function workflowOf(number: number, registry: NodeRegistry): Promise<readonly StoredVersion[]> {
  const known = versions.get(number);
  if (known) return known;
  const random = new Random(1_000_003 * (number + 1));
  const clock = { now: () => START, monotonic: () => 0, after: () => () => {}, soon: () => {} };
  const catalogue = memoryCatalogue();
  const workflows = new Workflows({ catalogue, registry, clock, tenant: TENANT, plans: PLANS });
  const inner = random.chance(0.3) ? randomPlan(random, `in${number}`, null) : null;
  if (inner) await workflows.publish(inner.source);
  const { name, source } = randomPlan(random, `p${number}`, inner?.name ?? null);
  await workflows.publish(source);
  await workflows.prepare(name, null);
  const found = await Promise.all(
    [inner?.name, name].map((one) => (one === undefined ? null : catalogue.find(TENANT, one, null))),
  );
  const made = found.filter((one) => one !== null);
  versions.set(number, made);
  return made;
}

/** Puts up to three workflows of the library into a catalogue. Returns their names. */
export async function fill(catalogue: Catalogue, registry: NodeRegistry, random: Random): Promise<string[]> {
  const names = new Set<string>();
  for (let left = random.int(1, 3); left > 0; left--) {
    const stored = await workflowOf(random.int(0, SIZE - 1), registry);
    for (const version of stored) await catalogue.publish({ ...version, version: version.version });
    names.add(stored.at(-1)!.name);
  }
  return [...names];
}
