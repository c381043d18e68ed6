import { commit, hardware, versions } from "../machine.ts";
import { readable, type Report, type Result } from "../report.ts";
import { compare } from "./compare.ts";
import type { Contender } from "./contender.ts";
import { floor } from "./floor.ts";
import { httpFloor, httpWeftwork } from "./http.ts";
import { readOptions, USAGE, type EngineBenchOptions } from "./options.ts";
import { placesOf } from "./place.ts";
import { postgresVersion } from "./postgres-version.ts";
import { profileW1 } from "./profile-w1.ts";
import { rowShapes } from "./row-shape.ts";
import { weftwork } from "./weftwork.ts";
import { VARIANTS, WORKLOADS, type Workload } from "./workload.ts";

/** `npm run bench -- engine`. */
export async function bench(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if ("mistake" in options) {
    process.stderr.write(`${options.mistake}\n\n${USAGE}`);
    process.exitCode = options.mistake === "" ? 0 : 64;
    return;
  }
  if (options.profile) {
    process.stdout.write(await profileW1(options));
    return;
  }
  const report = await measure(options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `\n${readable(report)}\n`);
}

/** Measures everything that the options name; `tell` hears of the progress. */
export async function measure(
  options: Omit<EngineBenchOptions, "json" | "profile">,
  tell: (line: string) => void,
): Promise<Report> {
  const { rounds, size, folder } = options;
  const workloads = WORKLOADS.filter(({ name }) => options.workloads.includes(name));
  const placesByStore = await placesOf(options.stores, folder);
  const results: Result[] = [];
  for (const workload of workloads) {
    for (const variant of VARIANTS) {
      const rows = await rowShapes(workload, variant);
      tell(`${workload.name} ${variant}: rows of ${rows.map(({ body }) => Buffer.byteLength(body)).join(", ")} bytes`);
      const task = { workload, variant, rows };
      for (const [store, places] of placesByStore) {
        const found = await compare({ store, places, task, contenders: contendersOf(workload), rounds, size });
        // Told at once, so that a run which is cut off has still said something.
        for (const { contender, median, unit } of found)
          tell(`${workload.name} ${variant} ${store} ${contender}: ${median.toPrecision(4)} ${unit}`);
        results.push(...found);
      }
    }
  }
  const postgres = placesByStore.has("postgres") ? await postgresVersion() : null;
  return { hardware: hardware(folder), commit: commit(), versions: versions(postgres), results };
}

function contendersOf({ http }: Workload): Readonly<Record<Result["contender"], Contender>> {
  return http === null ? { weftwork, floor } : { weftwork: httpWeftwork, floor: httpFloor };
}
