import { crc32, inflateRawSync } from "node:zlib";
import type { DocumentLimits } from "./documents.ts";
import { beyond, damaged } from "./problem.ts";

interface Entry {
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

const END = 0x06_05_4b_50;
const CENTRAL = 0x02_01_4b_50;
const LOCAL = 0x04_03_4b_50;
const END_BYTES = 22;
const COMMENT_MAX = 65_535;
/** Small entries may be packed as tightly as they like. */
const RATIO_BYTES_MIN = 1024 ** 2;

/**
 * An archive in memory (PKWARE APPNOTE 6.3), whose list of contents is checked as a whole before anything is expanded:
 * entries, their sizes and ratios, names given twice, and entries that lie over one another. An entry that gives another
 * size or sum than the list says is refused. Nothing is ever written to a path, so names cannot lead anywhere.
 */
export class Zip {
  private readonly bytes: Buffer;
  private readonly entries: ReadonlyMap<string, Entry>;

  /** Throws a problem. */
  constructor(bytes: Uint8Array, limits: Pick<DocumentLimits, "entriesMax" | "expandedBytesMax" | "ratioMax">) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.entries = readEntries(this.bytes, limits);
  }

  names(): readonly string[] {
    return [...this.entries.keys()];
  }

  /** The content of an entry; null when there is none of that name. */
  find(name: string): Uint8Array | null {
    const entry = this.entries.get(name);
    return entry ? this.expand(name, entry) : null;
  }

  /** The content of an entry that must be there. */
  read(name: string): Uint8Array {
    const found = this.find(name);
    if (found === null) throw damaged(`it lacks its part ${name}`);
    return found;
  }

  private expand(name: string, entry: Entry): Uint8Array {
    const { bytes } = this;
    if (entry.offset + 30 > bytes.length || bytes.readUInt32LE(entry.offset) !== LOCAL) {
      throw damaged(`its part ${name.slice(0, 100)} is not where its list of contents says`);
    }
    const start = entry.offset + 30 + bytes.readUInt16LE(entry.offset + 26) + bytes.readUInt16LE(entry.offset + 28);
    const packed = bytes.subarray(start, start + entry.packed);
    let content: Buffer;
    try {
      content = entry.method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
    } catch {
      throw damaged(`its part ${name.slice(0, 100)} cannot be expanded`);
    }
    if (content.length !== entry.size || crc32(content) !== entry.crc) {
      throw damaged(`its part ${name.slice(0, 100)} is not what its list of contents says`);
    }
    return content;
  }
}

function readEntries(
  bytes: Buffer,
  { entriesMax, expandedBytesMax, ratioMax }: Pick<DocumentLimits, "entriesMax" | "expandedBytesMax" | "ratioMax">,
): ReadonlyMap<string, Entry> {
  const end = endOf(bytes);
  const count = bytes.readUInt16LE(end + 10);
  if (count > entriesMax) throw beyond(`it is an archive of ${count} entries; at most ${entriesMax} are read`);
  const entries = new Map<string, Entry>();
  let at = bytes.readUInt32LE(end + 16);
  let [expanded, packedAll] = [0, 0];
  for (let index = 0; index < count; index++) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== CENTRAL) throw damaged("its list of contents is cut off");
    const nameLength = bytes.readUInt16LE(at + 28);
    const restLength = bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    const flags = bytes.readUInt16LE(at + 8);
    const entry: Entry = {
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
    };
    const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
    at += 46 + nameLength + restLength;
    expanded += entry.size;
    packedAll += entry.packed;
    if ((flags & 1) !== 0) throw damaged("it is protected by a password");
    if (entry.method !== 0 && entry.method !== 8) throw damaged(`it is packed by the method ${entry.method}`);
    if (expanded > expandedBytesMax) {
      throw beyond(`it expands to more than ${expandedBytesMax} bytes`);
    }
    if (entry.size > RATIO_BYTES_MIN && entry.size > entry.packed * ratioMax) {
      throw beyond(`it expands to more than ${ratioMax} times its size, which no document does`);
    }
    if (packedAll > bytes.length) throw damaged("its entries lie over one another");
    if (entries.has(name)) throw damaged(`it has the entry ${name.slice(0, 100)} twice`);
    entries.set(name, entry);
  }
  return entries;
}

/** Where the record lies that ends an archive. */
function endOf(bytes: Buffer): number {
  const least = Math.max(0, bytes.length - END_BYTES - COMMENT_MAX);
  for (let at = bytes.length - END_BYTES; at >= least; at--) {
    if (bytes.readUInt32LE(at) === END) return at;
  }
  const isOld = bytes.length > 8 && bytes.readUInt32BE(0) === 0xd0_cf_11_e0;
  throw damaged(
    isOld ? "it is protected by a password, or of an older format under a new name" : "it is no archive, or cut off",
  );
}
