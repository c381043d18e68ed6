import type { Json, JsonObject } from "@weftwork/core";
import type { Catalog } from "./gateway/catalog.ts";
import type { Model } from "./gateway/model.ts";
import type { FileLimits } from "./files/files.ts";
import type { PoolSizes } from "./limits/pool-size.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import type { Clock } from "./runtime/clock.ts";
import type { ContainerChoice } from "./sandbox/containers.ts";
import type { SandboxLimits } from "./sandbox/sandbox.ts";
import type { CacheAddress } from "./compose-cache.ts";
import type { LiveChoice } from "./compose-live.ts";
import type { ObjectStoreAddress, StoreAddress } from "./compose-store.ts";
import type { TransportAddress } from "./compose-tasks.ts";

/** What a process is put together from. */
export interface ComposeOptions {
  readonly store: StoreAddress;
  readonly nodes: readonly NodeExecutor[];
  readonly pools: PoolSizes;
  /** Open runs of the tenant at most. Left out: 100,000. */
  readonly backlogMax?: number | undefined;
  /** Refuses new work and puts off waiting work under pressure. Left out: no. */
  readonly sheds?: boolean | undefined;
  /** The PostgreSQL database of `store` without its pooler, to listen; null or left out: `store`. */
  readonly listenUrl?: string | null;
  /** The pools that this process serves; null or left out: all. */
  readonly serves?: readonly string[] | null;
  /** Whether this process advances runs. Left out: yes. */
  readonly own?: boolean;
  /** What carries tickets between processes; null or left out: what the store has. */
  readonly transport?: TransportAddress | null;
  /** How long a step may wait for a worker of its pool, in milliseconds; null or left out: as long as it takes. */
  readonly queueMsMax?: number | null;
  /** Hands tasks straight to workers of other processes that have room. Left out: yes. */
  readonly handover?: boolean;
  readonly httpAllow: readonly string[];
  /** Ports that `http` steps may speak to, as `80` and `1024-65535`. Left out: the usual ones. */
  readonly httpPorts?: readonly string[] | undefined;
  /** What the code of a step may use; left out, the defaults of the sandboxes. */
  readonly codeLimits?: SandboxLimits | undefined;
  /** Folder with wheels for the Python sandbox. */
  readonly pythonPackages?: string | null | undefined;
  /** Which program runs containers; left out: whichever is there. */
  readonly containers?: ContainerChoice | undefined;
  /** Limits of the file store. Left out: the defaults. */
  readonly files?: Partial<FileLimits> | undefined;
  /** A bucket for large payloads and files; null or left out: the store keeps them. */
  readonly objects?: ObjectStoreAddress | null;
  /** How long ended runs are kept, in milliseconds; null keeps them all. */
  readonly retentionMs: number | null;
  /** What processes tell each other over; null: what the store has. */
  readonly live?: LiveChoice | null | undefined;
  /** A cache beside the processes; null: each has its memory alone. */
  readonly cache?: CacheAddress | null | undefined;
  /** The section `models:` of the configuration. */
  readonly models: JsonObject | null;
  readonly defaultModel: string | null;
  /** Folders of documents by the name of the dataset. */
  readonly datasets?: Readonly<Record<string, string>>;
  /** Look for servers of models on this machine. */
  readonly discover: boolean;
  /** Where secrets and master keys are looked for first. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The section `tools:` of the configuration, and the folder of the files that it names. */
  readonly tools?: { readonly config: Json; readonly folder: string } | undefined;
  /** Whether users' own workers can reach this process. Left out: yes. */
  readonly ownWorkers?: boolean | undefined;
  readonly tenant: string;
  readonly name: string;
  readonly problem: (message: string, runId: string, error: unknown) => void;
  /** Nothing is advanced, taken over or deleted: for a look at what is stored. */
  readonly reading?: boolean;
  /** For tests: another time, other models, and others who do the work. Only with the store `memory`. */
  readonly rehearsal?: Rehearsal;
}

/** What stands in the place of the world while a workflow is tested. */
export interface Rehearsal {
  readonly clock: Clock;
  readonly models: (catalog: Catalog<Model>) => Catalog<Model>;
  readonly executors: (executors: readonly NodeExecutor[]) => readonly NodeExecutor[];
  /** Some steps are really done, so they get the secrets of this process. */
  readonly live?: boolean;
}

/**
 * Whether anything comes back by itself in this process. Not while it only looks at what is stored; and where time is
 * skipped nothing may be due for ever again.
 */
export function recurs({ rehearsal, reading }: ComposeOptions): boolean {
  return !rehearsal && reading !== true;
}
