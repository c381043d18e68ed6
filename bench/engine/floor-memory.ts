import type { FloorRow, FloorStore } from "./group-commit.ts";

/** Arrays. */
export function memoryFloor(): FloorStore {
  const runs = new Map<number, { readonly id: string; ended: boolean; readonly bodies: string[] }>();
  return {
    lanes: 1,
    write(rows: readonly FloorRow[]) {
      for (const { key, id, shape } of rows) {
        if (shape.first) runs.set(key, { id, ended: shape.last, bodies: [shape.body] });
        else {
          const run = runs.get(key)!;
          run.bodies.push(shape.body);
          run.ended = shape.last;
        }
      }
    },
    close: async () => runs.clear(),
  };
}
