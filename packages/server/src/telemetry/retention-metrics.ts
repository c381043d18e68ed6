import { Counters, Gauges } from "./series.ts";

/** What this process has deleted, and how far behind the store's upkeep is. */
export class RetentionMetrics {
  private readonly runs = new Counters("weft_retention_runs_total", "Ended runs deleted by this process.", []);
  private readonly payloads = new Counters(
    "weft_retention_payloads_total",
    "Stored values deleted by this process, which nothing named for a day.",
    [],
  );
  private readonly objects = new Counters(
    "weft_retention_objects_total",
    "Objects deleted by this process, which nothing named for a day.",
    [],
  );
  private readonly strayRows = new Gauges(
    "weft_journal_stray_rows",
    "Rows of days that nobody made a partition for, as last seen here; counted up to a limit.",
    [],
  );
  private readonly monotonic: () => number;
  private passedAt: number | null = null;

  /** @param monotonic Milliseconds on a scale that never jumps. */
  constructor(monotonic: () => number) {
    this.monotonic = monotonic;
  }

  deleted({
    runs,
    payloads,
    objects,
  }: {
    readonly runs: number;
    readonly payloads: number;
    readonly objects: number;
  }): void {
    this.runs.add([], runs);
    this.payloads.add([], payloads);
    this.objects.add([], objects);
  }

  passed(atMs: number): void {
    this.passedAt = Math.max(atMs, this.passedAt ?? -Infinity);
  }

  stray(rows: number): void {
    this.strayRows.set([], rows);
  }

  lines(): readonly string[] {
    const lag = new Gauges(
      "weft_retention_lag_seconds",
      "Time since old runs were last deleted by any process: what a run may be kept beyond its time.",
      [],
    );
    if (this.passedAt !== null) lag.set([], Math.max(0, (this.monotonic() - this.passedAt) / 1000));
    return [this.runs, this.payloads, this.objects, this.strayRows, lag].flatMap((family) => family.lines());
  }
}
