import { journalConformance } from "./journal.conformance.ts";
import { memoryJournal } from "./memory.ts";

journalConformance("the memory journal", async () => {
  let now = 1_700_000_000_000;
  const journal = memoryJournal({ now: () => now, rowBytesMax: 4_000_000 });
  return {
    journal,
    now: () => now,
    advance: (ms) => void (now += ms),
    rowBytesMax: 4_000_000,
    close: () => journal.close(),
  };
});
