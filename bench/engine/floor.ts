import type { OpenContender, Task } from "./contender.ts";
import { GroupCommit, type FloorStore } from "./group-commit.ts";
import { memoryFloor } from "./floor-memory.ts";
import type { RowShape } from "./row-shape.ts";

/** The floor: the rows of the workload, each written after the one before it was acknowledged, and no engine. */
export async function floor(address: string, { rows }: Pick<Task, "rows">): Promise<OpenContender> {
  const runs = await openFloor(address, rows);
  return {
    run: () => new Promise((resolve, reject) => runs.begin(null, resolve, reject)),
    close: () => runs.close(),
  };
}

export async function openFloor(address: string, rows: readonly RowShape[]): Promise<FloorRuns> {
  return new FloorRuns(await floorStore(address), rows);
}

async function floorStore(address: string): Promise<FloorStore> {
  if (address === "memory") return memoryFloor();
  if (address.startsWith("postgres")) return (await import("./floor-postgres.ts")).postgresFloor(address);
  return (await import("./floor-sqlite.ts")).sqliteFloor(address);
}

/** Runs of the floor: who they are, and which row comes next. */
export class FloorRuns {
  private readonly store: FloorStore;
  private readonly group: GroupCommit;
  private readonly shapes: readonly RowShape[];
  private readonly failures = new Set<(error: unknown) => void>();
  private nextKey = 1;

  constructor(store: FloorStore, shapes: readonly RowShape[]) {
    this.store = store;
    this.shapes = shapes;
    this.group = new GroupCommit(store);
    this.group.onFailure((error) => {
      for (const failed of this.failures) failed(error);
    });
  }

  /** `created` when the first row is durable, `ended` when the last one is. Returns the id. */
  begin(created: (() => void) | null, ended: () => void, failed: (error: unknown) => void): string {
    const { group, shapes, failures } = this;
    const key = this.nextKey++;
    const at = Date.now();
    // As long as ours, and rising like ours.
    const id = `run_019a0000-0000-7000-8000-${String(key).padStart(12, "0")}`;
    failures.add(failed);
    const write = (seq: number): void =>
      group.add({
        key,
        id,
        at,
        seq,
        shape: shapes[seq - 1]!,
        recorded() {
          if (seq === 1) created?.();
          if (seq < shapes.length) return write(seq + 1);
          failures.delete(failed);
          ended();
        },
      });
    write(1);
    return id;
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
