import type { Api, CallOptions } from "./api.ts";
import type { Pool } from "./pool.ts";

/** The pools of all processes on the store, and their controls. */
export class PoolClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  list(options: CallOptions = {}): Promise<readonly Pool[]> {
    return this.api.all<Pool>("/api/pools", options);
  }

  get(pool: string, options: CallOptions = {}): Promise<Pool> {
    return this.api.json("GET", pathOf(pool), options);
  }

  /** Begins nothing more of the pool; what is under way goes on. */
  pause(pool: string, options: CallOptions & { readonly reason?: string } = {}): Promise<Pool> {
    const { reason, ...call } = options;
    return this.api.json("POST", `${pathOf(pool)}/pause`, { ...call, body: reason === undefined ? {} : { reason } });
  }

  resume(pool: string, options: CallOptions = {}): Promise<Pool> {
    return this.api.json("POST", `${pathOf(pool)}/resume`, { ...options, body: {} });
  }
}

function pathOf(pool: string): string {
  return `/api/pools/${encodeURIComponent(pool)}`;
}
