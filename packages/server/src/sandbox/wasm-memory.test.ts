import { expect, test } from "vitest";
import { withMemoryLimit } from "./wasm-memory.ts";

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** An empty function type section, the memory section, and an export of the memory as "m". */
const moduleWith = (memory: readonly number[]): Uint8Array =>
  Uint8Array.from([...HEADER, 1, 1, 0, 5, memory.length, ...memory, 7, 5, 1, 1, 0x6d, 2, 0]);

interface Grown {
  readonly exports: { readonly m: { grow(pages: number): number } };
}

async function memoryOf(module: Uint8Array): Promise<Grown["exports"]["m"]> {
  const { instance } = (await WebAssembly.instantiate(module, {})) as { readonly instance: Grown };
  return instance.exports.m;
}

test.each([
  ["without a maximum", [1, 0, 1]],
  ["with a larger maximum", [1, 1, 1, 0x80, 0x80, 4]],
  ["with a smaller maximum", [1, 1, 1, 2]],
])("a memory %s grows to the limit and no page further", async (_, memory) => {
  const grown = await memoryOf(withMemoryLimit(moduleWith(memory), 300));
  expect(grown.grow(299)).toBe(1);
  expect(() => grown.grow(1)).toThrow(RangeError);
});

test("a limit below what the module begins with leaves it what it begins with", async () => {
  const grown = await memoryOf(withMemoryLimit(moduleWith([1, 0, 10]), 3));
  expect(() => grown.grow(1)).toThrow(RangeError);
});

test.each([
  ["two memories", [2, 0, 1, 0, 1]],
  ["a shared memory", [1, 3, 1, 2]],
])("a module with %s is refused", (_, memory) => {
  expect(() => withMemoryLimit(moduleWith(memory), 3)).toThrow(/memor/);
});

test("a module that ends early is refused", () => {
  expect(() => withMemoryLimit(Uint8Array.from([...HEADER, 1]), 3)).toThrow(/ends/);
});
