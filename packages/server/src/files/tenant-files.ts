import type { Files, NewFile, OpenFile, StoredFile } from "./files.ts";
import { holdsLink, LINK_MS_MAX, signLink, type LinkProof } from "./link.ts";

/** The files of one tenant, as surfaces and the library use them. */
export interface TenantFiles {
  /** See `Files.put`. */
  put(file: NewFile, source: AsyncIterable<Uint8Array>): Promise<StoredFile>;
  find(id: string): Promise<StoredFile | null>;
  /** Throws `FILE_NOT_FOUND`. */
  open(id: string): Promise<OpenFile>;
  remove(id: string): Promise<boolean>;
  /** A proof that opens this one file, for five minutes. Null when there is no such file. */
  link(id: string): Promise<LinkProof | null>;
  /** Whether a proof is good for this file now. */
  holds(id: string, proof: LinkProof): Promise<boolean>;
}

/** The part of a store that belongs to one tenant. */
export function tenantFiles(files: Files, tenant: string, now: () => number): TenantFiles {
  let key: Promise<Buffer> | null = null;
  const keyOf = async (): Promise<Buffer> => {
    try {
      return await (key ??= files.linkKey());
    } catch (error) {
      key = null;
      throw error;
    }
  };
  return {
    put: (file, source) => files.put(tenant, file, source),
    find: (id) => files.find(tenant, id),
    open: (id) => files.open(tenant, id),
    remove: (id) => files.remove(tenant, id),
    async link(id) {
      const found = await files.find(tenant, id);
      return found && signLink(await keyOf(), { tenant, id }, now() + LINK_MS_MAX);
    },
    async holds(id, proof) {
      return holdsLink(await keyOf(), { tenant, id }, proof, now());
    },
  };
}
