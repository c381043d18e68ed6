/**
 * A WebAssembly module whose own memory may grow to `pagesMax` pages of 64 KB at most, whatever its author allowed.
 *
 * A module that makes its memory itself says in its memory section (id 5) how far it may grow, and nobody outside can
 * ask for less; so the section is written again. Format: https://webassembly.github.io/spec/core/binary/modules.html
 */
export function withMemoryLimit(module: Uint8Array, pagesMax: number): Uint8Array {
  const parts: Uint8Array[] = [module.subarray(0, HEADER_BYTES)];
  for (let at = HEADER_BYTES; at < module.length;) {
    const start = at;
    const id = module[at];
    const size = readNumber(module, at + 1);
    const end = size.end + size.value;
    if (id === MEMORY_SECTION) parts.push(memorySection(module.subarray(size.end, end), pagesMax));
    else parts.push(module.subarray(start, end));
    at = end;
  }
  const limited = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    limited.set(part, at);
    at += part.length;
  }
  return limited;
}

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;

function memorySection(content: Uint8Array, pagesMax: number): Uint8Array {
  const count = readNumber(content, 0);
  if (count.value !== 1) throw new Error(`the module has ${count.value} memories of its own; one is expected`);
  const flags = content[count.end]!;
  const least = readNumber(content, count.end + 1).value;
  if (flags > HAS_MAXIMUM) throw new Error("the module's memory is shared or larger than 4 GB");
  const limits = [1, HAS_MAXIMUM, ...numberBytes(least), ...numberBytes(Math.max(least, pagesMax))];
  return Uint8Array.from([MEMORY_SECTION, ...numberBytes(limits.length), ...limits]);
}

/** LEB128, unsigned. */
function readNumber(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = start, scale = 1; ; at += 1, scale *= 128) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error("the module ends in the middle of a number");
    value += (byte & 127) * scale;
    if (byte < 128) return { value, end: at + 1 };
  }
}

function numberBytes(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...numberBytes(Math.floor(value / 128))];
}
