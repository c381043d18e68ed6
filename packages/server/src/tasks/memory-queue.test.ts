import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryQueue, type Queued } from "./memory-queue.ts";

class Entry implements Queued {
  readonly postedAt: number;
  readonly number: number;
  waits = true;

  constructor(postedAt: number, number: number) {
    this.postedAt = postedAt;
    this.number = number;
  }

  isWaiting(): boolean {
    return this.waits;
  }
}

test("the oldest that waits comes first, whatever was taken by its name and came back", () => {
  const actions = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ leave: fc.nat(300) }),
      fc.record({ back: fc.nat(300) }),
    ),
    { maxLength: 400 },
  );
  fc.assert(
    fc.property(actions, (steps) => {
      const queue = new MemoryQueue<Entry>();
      const all: Entry[] = [];
      for (const step of steps) {
        if ("add" in step) {
          const entry = new Entry(step.add, all.length);
          all.push(entry);
          queue.add(entry);
        } else {
          const wanted = "leave" in step;
          const entry = all[(wanted ? step.leave : step.back) % Math.max(1, all.length)];
          if (!entry || entry.waits !== wanted) continue;
          entry.waits = !wanted;
          if (wanted) queue.left();
          else queue.add(entry);
        }
        const waiting = all.filter(({ waits }) => waits);
        const [oldest = null] = waiting.toSorted((a, b) => a.postedAt - b.postedAt || a.number - b.number);
        expect(queue.oldest()).toBe(oldest);
        expect(queue.size).toBe(waiting.length);
      }
    }),
    { numRuns: 200 },
  );
});
