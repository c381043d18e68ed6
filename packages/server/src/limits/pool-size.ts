/** Tasks at once in a pool: as many at all times, or as many as what they ask can bear. */
export type PoolSize = number | AdaptiveSize;

/** `adaptive` names by what it learns; true: what fits the pool; false: it does not. */
export type AdaptiveSize = { readonly max: number; readonly adaptive: boolean | "gradient" | "aimd" };

export type PoolSizes = Readonly<Record<string, PoolSize>>;
const SIZE_MAX = 99_999;
const REMEDY =
  'write pools as default=64,generation=16, or as {"default": 64, "generation": {"max": 64, "adaptive": true}}';

/** Sizes of pools as text: a list, or a JSON object. */
export function readPoolSizes(text: string): { readonly value: PoolSizes } | { readonly mistake: string } {
  const pairs = text.trim().startsWith("{") ? ofJson(text) : ofList(text);
  if (pairs === null) return { mistake: `is no JSON object; ${REMEDY}` };
  const sizes = Object.create(null) as Record<string, PoolSize>;
  for (const { name, size, shown } of pairs) {
    const read = sizeOf(size);
    if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name) || read === null) return { mistake: `has ${shown}; ${REMEDY}` };
    sizes[name] = read;
  }
  return { value: sizes };
}

interface Pair {
  readonly name: string;
  readonly size: unknown;
  readonly shown: string;
}

function ofList(text: string): readonly Pair[] {
  return text.split(",").map((part) => {
    const [, name = "", size = ""] = /^\s*([^=\s]+)\s*=\s*(\d{1,5})\s*$/.exec(part) ?? [];
    return { name, size: size === "" ? null : Number(size), shown: JSON.stringify(part.trim()) };
  });
}

function ofJson(text: string): readonly Pair[] | null {
  try {
    const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return Object.entries(value).map(([name, size]) => ({ name, size, shown: JSON.stringify({ [name]: size }) }));
  } catch {
    return null;
  }
}

function sizeOf(size: unknown): PoolSize | null {
  if (typeof size === "number") return isSize(size) ? size : null;
  if (typeof size !== "object" || size === null) return null;
  const { max, adaptive = true, ...rest } = size as { max?: unknown; adaptive?: unknown };
  const isKnown = typeof adaptive === "boolean" || adaptive === "gradient" || adaptive === "aimd";
  if (!isSize(max) || !isKnown || Object.keys(rest).length > 0) return null;
  return { max, adaptive };
}

function isSize(size: unknown): size is number {
  return typeof size === "number" && Number.isInteger(size) && size >= 1 && size <= SIZE_MAX;
}
