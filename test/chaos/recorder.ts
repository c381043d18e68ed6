import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** The world outside: counts what it is asked to do, by the key that came along. */
export class RecordingEndpoint {
  /** Calls by `run/scope/node#attempt`. */
  readonly calls = new Map<string, number>();
  total = 0;
  private readonly server: Server;
  private waiting: { readonly total: number; readonly resolve: () => void }[] = [];

  private constructor() {
    this.server = createServer((incoming, response) => {
      const key = decodeURIComponent((incoming.url ?? "/").slice(1));
      this.calls.set(key, (this.calls.get(key) ?? 0) + 1);
      this.total += 1;
      incoming.resume();
      response.end();
      const reached = this.waiting.filter(({ total }) => total <= this.total);
      this.waiting = this.waiting.filter(({ total }) => total > this.total);
      for (const { resolve } of reached) resolve();
    });
  }

  static async open(): Promise<RecordingEndpoint> {
    const endpoint = new RecordingEndpoint();
    await new Promise<void>((resolve) => void endpoint.server.listen(0, "127.0.0.1", resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Resolves when so many calls were felt in all. */
  reached(total: number): Promise<void> {
    return total <= this.total
      ? Promise.resolve()
      : new Promise((resolve) => void this.waiting.push({ total, resolve }));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => void this.server.close(() => resolve()));
  }
}
