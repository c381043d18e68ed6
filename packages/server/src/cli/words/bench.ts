import type { Words } from "./words.ts";

/** What `weft bench` says. */
export const BENCH_WORDS = {
  "bench.measure": { en: "measure", zh: "指标" },
  "bench.value": { en: "value", zh: "数值" },
  "bench.runs": { en: "runs of three steps, submitted to ended", zh: "三步运行，从提交到结束" },
  "bench.latency": { en: "one run of three steps alone, half / 99 %", zh: "单独一个三步运行，一半 / 99 %" },
  "bench.step": { en: "one step alone, half", zh: "单独一个步骤，一半" },
  "bench.fsync": { en: "write of 4 KB through to the disk, half / 99 %", zh: "4 KB 写入并落盘，一半 / 99 %" },
  "bench.per_second": { en: "{count} runs/s", zh: "{count} 次/秒" },
  "bench.stopped": { en: "The measuring was stopped; its folder is removed.", zh: "测量已停止；其文件夹已删除。" },
} as const satisfies Words;
