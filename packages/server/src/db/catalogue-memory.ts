import { AppError } from "@weftwork/core";
import type { Catalogue, StoredVersion } from "./catalogue.ts";
import { nextVersion } from "./version-number.ts";

/**
 * The catalogue in the memory of the process: the specification of the port. Every method does its work before it
 * returns, so two publishers are always one after the other.
 */
export function memoryCatalogue(): Catalogue {
  /** Versions of a workflow in the order they were published, by tenant and name. */
  const published = new Map<string, Map<string, StoredVersion[]>>();
  const versionsOf = (tenant: string, name: string): readonly StoredVersion[] => published.get(tenant)?.get(name) ?? [];

  function store(version: StoredVersion): StoredVersion {
    const names = published.get(version.tenant) ?? new Map<string, StoredVersion[]>();
    const versions = names.get(version.name) ?? [];
    published.set(version.tenant, names.set(version.name, versions));
    versions.push(version);
    return version;
  }

  return {
    async publish(given) {
      const versions = versionsOf(given.tenant, given.name);
      const { version } = given;
      if (version === null) {
        const newest = versions.at(-1);
        if (newest?.hash === given.hash) return newest;
        return store(Object.freeze({ ...given, version: nextVersion(versions.map((one) => one.version)) }));
      }
      const same = versions.find((one) => one.version === version);
      if (!same) return store(Object.freeze({ ...given, version }));
      if (same.hash === given.hash) return same;
      throw new AppError("WORKFLOW_VERSION_EXISTS", { version, workflow: given.name });
    },
    async find(tenant, name, version) {
      const versions = versionsOf(tenant, name);
      return (version === null ? versions.at(-1) : versions.find((one) => one.version === version)) ?? null;
    },
    async byHash(tenant, hash) {
      let found: StoredVersion | null = null;
      for (const versions of published.get(tenant)?.values() ?? []) {
        for (const one of versions) if (one.hash === hash && one.createdAt >= (found?.createdAt ?? 0)) found = one;
      }
      return found;
    },
    async list(tenant) {
      const names = [...(published.get(tenant)?.entries() ?? [])];
      return names.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, versions]) => versions.at(-1)!);
    },
    async versions(tenant, name) {
      return versionsOf(tenant, name).toReversed();
    },
  };
}
