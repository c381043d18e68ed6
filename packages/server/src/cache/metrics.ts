import { Counters } from "../telemetry/series.ts";
import type { CacheLevel } from "./cache.ts";

/** How often the caches answered, and how often what is behind them was asked. */
export class CacheMetrics {
  private readonly hits = new Counters("weft_cache_hits_total", "Reads that a cache answered, by where it found it.", [
    "cache",
    "level",
  ]);
  private readonly misses = new Counters("weft_cache_misses_total", "Reads that went on to the database.", ["cache"]);

  read(cache: string, level: CacheLevel): void {
    if (level === "miss") this.misses.add([cache]);
    else this.hits.add([cache, level]);
  }

  lines(): readonly string[] {
    return [...this.hits.lines(), ...this.misses.lines()];
  }
}
