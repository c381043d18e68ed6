/** What one round of runs took. */
export interface Drive {
  readonly runs: number;
  readonly elapsedMs: number;
  /** Milliseconds from submission to end, of every run. */
  readonly samples: readonly number[];
}

/** A round ends after this time at the latest, whatever the disk does. */
const ROUND_MS_MAX = 15_000;

/** Runs one after the other in each of `inFlight` places, until `runs` have ended. */
export async function drive(run: () => Promise<void>, runs: number, inFlight: number): Promise<Drive> {
  const samples: number[] = [];
  const begun = performance.now();
  let left = runs;
  async function place(): Promise<void> {
    let start = performance.now();
    while (left > 0 && start - begun < ROUND_MS_MAX) {
      left -= 1;
      await run();
      const end = performance.now();
      samples.push(end - start);
      start = end;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, place));
  return { runs: samples.length, elapsedMs: performance.now() - begun, samples };
}
