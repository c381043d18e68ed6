import { Counters, Histograms } from "./series.ts";

/** Upper bounds in seconds: on time, taken over by another process, caught up. */
const LATE_SECONDS = [0.1, 0.5, 1, 2, 5, 15, 60, 600, 3600, 86_400] as const;

/** What became of the times of schedules in this process. */
export class ScheduleMetrics {
  private readonly fires = new Counters("weft_schedule_fires_total", "Times of schedules that came due, by outcome.", [
    "outcome",
  ]);
  private readonly lag = new Histograms(
    "weft_schedule_lag_seconds",
    "How late runs of schedules were begun.",
    [],
    LATE_SECONDS,
  );

  fired(outcome: string, lateMs: number): void {
    this.fires.add([outcome]);
    if (outcome === "started") this.lag.observe([], Math.max(0, lateMs) / 1000);
  }

  lines(): readonly string[] {
    return [...this.fires.lines(), ...this.lag.lines()];
  }
}
