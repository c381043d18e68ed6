import { profiled, readableProfile } from "../profile.ts";
import { drive } from "./drive.ts";
import type { EngineBenchOptions } from "./options.ts";
import { placesOf } from "./place.ts";
import { weftwork } from "./weftwork.ts";
import { VARIANTS, WORKLOADS } from "./workload.ts";

/** Runs profiled for each store and variant, after as many that warm up. */
const RUNS = 20_000;

/** A CPU profile of the engine's own thread under W1: which functions its time goes to. */
export async function profileW1({ stores, folder, size }: EngineBenchOptions): Promise<string> {
  const workload = WORKLOADS.find(({ name }) => name === "W1")!;
  const runs = Math.round(RUNS * size);
  let text = "";
  for (const [store, places] of await placesOf(stores, folder)) {
    for (const variant of VARIANTS) {
      const place = await places();
      const open = await weftwork(place.address, { workload, variant, rows: [] });
      await drive(open.run, runs, workload.inFlight);
      globalThis.gc?.();
      let done = 0;
      const profile = await profiled(async () => {
        done = (await drive(open.run, runs, workload.inFlight)).runs;
      });
      await open.close();
      await place.remove();
      text += `## W1 ${variant} on ${store}\n\n${readableProfile(profile, done)}\n`;
    }
  }
  return text;
}
