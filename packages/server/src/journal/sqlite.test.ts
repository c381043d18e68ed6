import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { journalConformance } from "./journal.conformance.ts";
import { sqliteJournal } from "./sqlite.ts";

for (const thread of [false, true]) {
  journalConformance(`the SQLite journal, ${thread ? "on a thread of its own" : "on the calling thread"}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "journal-"));
    let now = 1_700_000_000_000;
    const options = { folder, now: () => now, rowBytesMax: 4_000_000, thread };
    let journal = await sqliteJournal(options);
    return {
      journal,
      now: () => now,
      advance: (ms) => void (now += ms),
      rowBytesMax: options.rowBytesMax,
      async reopen() {
        await journal.close();
        journal = await sqliteJournal(options);
        return journal;
      },
      async close() {
        await journal.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
}
