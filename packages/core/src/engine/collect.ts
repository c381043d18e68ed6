import { Payload } from "../base/payload.ts";
import type { CollectedValues } from "./state.ts";

/** Values in one page. A full page is moved out of the state and named by its hash. */
export const PAGE_SIZE = 1000;

export function emptyValues(): CollectedValues {
  return { pages: [], open: new Map() };
}

/** Keeps the value at a position; null keeps the place free of any value (a dropped item). */
export function keepValue(values: CollectedValues, position: number, value: Payload | null): void {
  const page = Math.floor(position / PAGE_SIZE);
  let open = values.open.get(page);
  if (!open) {
    open = { values: [], filled: 0 };
    values.open.set(page, open);
  }
  open.values[position % PAGE_SIZE] = value;
  open.filled += 1;
}

/** Pages that have all their values and still stand in the state. */
export function fullPages(values: CollectedValues): number[] {
  const full: number[] = [];
  for (const [page, open] of values.open) if (open.filled === PAGE_SIZE) full.push(page);
  return full;
}

/** The values of an open page as a list. */
export function pageValue(values: CollectedValues, page: number): Payload {
  const kept = values.open.get(page)?.values.filter((value) => value !== null && value !== undefined) ?? [];
  return Payload.ofList(kept as Payload[]);
}

export function sealPage(values: CollectedValues, page: number, value: Payload): void {
  values.pages[page] = value;
  values.open.delete(page);
}

/** Everything kept, in the order of positions. */
export function allValues(values: CollectedValues): Payload {
  const pages: Payload[] = [];
  const count = Math.max(values.pages.length, ...[...values.open.keys()].map((page) => page + 1), 0);
  for (let page = 0; page < count; page++) pages.push(values.pages[page] ?? pageValue(values, page));
  return pages.length === 0 ? Payload.ofList([]) : Payload.ofPages(pages);
}
