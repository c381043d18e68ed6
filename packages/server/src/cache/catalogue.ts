import type { Catalogue, StoredVersion } from "../db/catalogue.ts";
import { TwoGenerations } from "./bloom.ts";
import { TwoLevelCache, type CacheOptions } from "./cache.ts";

export interface CachedCatalogueOptions extends CacheOptions {
  readonly catalogue: Catalogue;
  /** The tenant whose names are in the filter. */
  readonly tenant: string;
  /** Whether what other processes publish is heard here. */
  readonly isHeard: () => boolean;
  /** Tells the other processes that a workflow has changed. */
  readonly tell: (change: CatalogueChange) => void;
}

export interface CatalogueChange {
  readonly tenant: string;
  readonly name: string;
}

export interface CachedCatalogue extends Catalogue {
  /** Another process has published. */
  changed(change: CatalogueChange): void;
  /** What others have published may not have been told. */
  missed(): void;
}

const NAMES_MAX = 100_000;
/** Looks into the store a second for names that the filter does not know. */
const DOUBTS_MAX = 100;

/**
 * The catalogue behind the cache. Versions never change; which one is the newest, and which there are, does, and is
 * forgotten when somebody publishes.
 *
 * A filter knows the names that there are. One that it does not know is looked up all the same, for another process may
 * have published it a moment ago; but only so often: in a storm of made-up names the filter answers.
 */
export function cachedCatalogue(options: CachedCatalogueOptions): CachedCatalogue {
  const { catalogue, tenant: ours, isHeard, tell, now, counted = () => undefined } = options;
  const one = new TwoLevelCache<StoredVersion>(options);
  const many = new TwoLevelCache<readonly StoredVersion[]>({ ...options, level2: null });
  const names = new TwoGenerations(NAMES_MAX);
  let [doubts, second] = [0, -1];
  let filling: Promise<void> | null = null;
  let isFilled = false;

  async function fill(): Promise<void> {
    names.begin();
    const published = await catalogue.list(ours);
    for (const { name } of published) names.add(name);
    names.finish();
    isFilled = true;
  }

  /** True: the name was never published, and the store need not be asked. */
  function isMadeUp(tenant: string, name: string): boolean {
    if (tenant !== ours || !isHeard()) return false;
    if (!isFilled) {
      // Until it is filled everything may be there; where the store does not answer the next who asks tries again.
      filling ??= fill().then(
        () => void (filling = null),
        () => void (filling = null),
      );
      return false;
    }
    if (names.mayHave(name)) return false;
    const present = Math.floor(now() / 1000);
    if (present !== second) [doubts, second] = [0, present];
    doubts += 1;
    return doubts > DOUBTS_MAX;
  }

  function changed({ tenant, name }: CatalogueChange): void {
    if (tenant === ours) names.add(name);
    one.forget(newestKey(tenant, name));
    many.forget(`list|${tenant}`);
    many.forget(`versions|${tenant}|${name}`);
  }

  return {
    async publish(version) {
      // Before it can be seen: from then on nobody may say that it is not there.
      if (version.tenant === ours) names.add(version.name);
      const stored = await catalogue.publish(version);
      changed(stored);
      tell({ tenant: stored.tenant, name: stored.name });
      return stored;
    },
    async find(tenant, name, version) {
      if (isMadeUp(tenant, name)) {
        counted("filter");
        return null;
      }
      const load = (): Promise<StoredVersion | null> => catalogue.find(tenant, name, version);
      if (version === null) return one.read({ key: newestKey(tenant, name), heard: isHeard(), load });
      // A version that is not there is asked for again: nobody is told under which numbers others publish.
      return one.read({ key: `version|${tenant}|${name}|${version}`, forever: true, load });
    },
    byHash: (tenant, hash) =>
      // What is not there is asked for again: a hash is named by a run that was begun with it.
      one.read({ key: `hash|${tenant}|${hash}`, forever: true, load: () => catalogue.byHash(tenant, hash) }),
    async list(tenant) {
      const load = (): Promise<readonly StoredVersion[]> => catalogue.list(tenant);
      return (await many.read({ key: `list|${tenant}`, heard: isHeard(), load })) ?? [];
    },
    async versions(tenant, name) {
      if (isMadeUp(tenant, name)) {
        counted("filter");
        return [];
      }
      const load = (): Promise<readonly StoredVersion[]> => catalogue.versions(tenant, name);
      return (await many.read({ key: `versions|${tenant}|${name}`, heard: isHeard(), load })) ?? [];
    },
    changed,
    missed() {
      one.forgetAll();
      many.forgetAll();
      isFilled = false;
    },
  };
}

function newestKey(tenant: string, name: string): string {
  return `newest|${tenant}|${name}`;
}
