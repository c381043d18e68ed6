import type { Page } from "./detail.ts";
import type { Pool } from "./pool.ts";

interface Call {
  readonly signal?: AbortSignal;
}
type Send = (method: string, path: string, options: Call & { readonly body?: object }) => Promise<Response>;

/** The pools of all processes on the store, and their controls. */
export class PoolClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  async list(options: Call = {}): Promise<readonly Pool[]> {
    const answer = await this.send("GET", "/api/pools", options);
    return ((await answer.json()) as Page<Pool>).data;
  }

  get(pool: string, options: Call = {}): Promise<Pool> {
    return this.call("GET", pool, "", options);
  }

  /** Begins nothing more of the pool; what is under way goes on. */
  pause(pool: string, options: Call & { readonly reason?: string } = {}): Promise<Pool> {
    const { reason, ...call } = options;
    return this.call("POST", pool, "/pause", { ...call, body: reason === undefined ? {} : { reason } });
  }

  resume(pool: string, options: Call = {}): Promise<Pool> {
    return this.call("POST", pool, "/resume", { ...options, body: {} });
  }

  private async call(
    method: string,
    pool: string,
    action: string,
    options: Call & { readonly body?: object },
  ): Promise<Pool> {
    const answer = await this.send(method, `/api/pools/${encodeURIComponent(pool)}${action}`, options);
    return (await answer.json()) as Pool;
  }
}
