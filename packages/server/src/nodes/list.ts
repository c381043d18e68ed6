import { setImmediate as otherWork } from "node:timers/promises";
import { AppError, canonicalJson, operateOnList, type Json } from "@weftwork/core";
import { z } from "zod";
import { defineNode } from "./define-node.ts";
import { isDify } from "./dify/dialect.ts";
import { programOf, type ListProgram } from "./list-program.ts";
import type { NodeExecutor } from "./node.ts";
import { textOf } from "./text.ts";

/** How long a list may keep the process busy before other work gets its turn. */
const SLICE_MS = 20;

const count = z.int().nonnegative().nullish();
const config = z.object({
  items: z.unknown().optional(),
  where: z.string().nullish(),
  sort_by: z.string().nullish(),
  order: z.enum(["asc", "desc"]).nullish(),
  map: z.unknown().optional(),
  unique: z.boolean().nullish(),
  offset: count,
  limit: count,
  join: z.unknown().optional(),
});
type Config = z.output<typeof config>;

/**
 * `list {items where sort_by order map unique offset limit join}` → a list, or text with `join`.
 *
 * The fields work in this order: items are kept (`where`), sorted, each made into something (`map`), repeated ones left
 * out, the part from `offset` on of length `limit` taken, put together. `index` is the place in the list as given.
 * A short list is done at once; a long one lets other work go between.
 */
export function listNode(): NodeExecutor {
  return defineNode({
    type: "list",
    effect: "pure",
    config,
    execute(fields, task) {
      if (isDify(task.config)) return operateOnList(task.config);
      const items = fields.items === undefined ? task.input() : (fields.items as Json);
      if (!isList(items)) throw new AppError("ITEMS_INVALID", { actual: kindOf(items) });
      const pass = new Pass(programOf(fields.where ?? null, fields.sort_by ?? null, fields.map as Json), items);
      if (pass.work()) return result(pass.kept, fields);
      return goOn(pass, task.signal).then(() => result(pass.kept, fields));
    },
  });
}

interface Kept {
  readonly key: Json;
  readonly value: Json;
}

/** One walk over the items, in slices. */
class Pass {
  readonly kept: Kept[] = [];
  private at = 0;
  private readonly program: ListProgram;
  private readonly items: readonly Json[];

  constructor(program: ListProgram, items: readonly Json[]) {
    this.program = program;
    this.items = items;
  }

  /** Works for a slice of time at most. Returns whether all is done. */
  work(): boolean {
    const { keeps, keyOf, valueOf } = this.program;
    const end = performance.now() + SLICE_MS;
    for (; this.at < this.items.length; this.at++) {
      const item = this.items[this.at]!;
      if (keeps !== null && !keeps(item, this.at)) continue;
      const key = keyOf === null ? null : keyOf(item, this.at);
      this.kept.push({ key, value: valueOf === null ? item : valueOf(item, this.at) });
      if (performance.now() > end) {
        this.at++;
        return this.at === this.items.length;
      }
    }
    return true;
  }
}

async function goOn(pass: Pass, signal: AbortSignal): Promise<void> {
  do {
    await otherWork();
    signal.throwIfAborted();
  } while (!pass.work());
}

function result(kept: Kept[], fields: Config): Json {
  if (fields.sort_by) sort(kept, fields.order === "desc");
  let values = kept.map(({ value }) => value);
  if (fields.unique) values = unique(values);
  const offset = fields.offset ?? 0;
  const { limit, join } = fields;
  if (offset > 0 || typeof limit === "number") values = values.slice(offset, offset + (limit ?? values.length));
  return join === undefined || join === null ? values : values.map(textOf).join(textOf(join));
}

/** Numbers before texts, the rest by its JSON; null comes last whatever the direction. Equal ones keep their order. */
function sort(kept: Kept[], descending: boolean): void {
  kept.sort((left, right) => {
    if (left.key === null || right.key === null) return Number(left.key === null) - Number(right.key === null);
    const order = compare(left.key, right.key);
    return descending ? -order : order;
  });
}

function compare(left: Json, right: Json): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  const [kindLeft, kindRight] = [rank(left), rank(right)];
  if (kindLeft !== kindRight) return kindLeft - kindRight;
  const [a, b] = typeof left === "string" ? [left, right as string] : [canonicalJson(left), canonicalJson(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(key: Json): number {
  return typeof key === "boolean" ? 0 : typeof key === "number" ? 1 : typeof key === "string" ? 2 : 3;
}

function unique(values: readonly Json[]): Json[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size < seen.add(canonicalJson(value)).size);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function kindOf(value: Exclude<Json, readonly Json[]>): string {
  if (value === null) return "null";
  return typeof value === "object" ? "a map" : typeof value === "string" ? "text" : `a ${typeof value}`;
}
