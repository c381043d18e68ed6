import { setTimeout as sleep } from "node:timers/promises";
import { BareClient, type BareAnswer } from "../../bench/bare-client.ts";
import type { Load } from "./load.ts";

const AGAIN_MS = 100;

export interface Submission {
  readonly id: string;
  readonly workflow: string;
  readonly inputs: object;
}

/** When a submission was sent and when it was answered with 2xx, by `performance.now()`. */
export interface Accepted {
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** Submissions over bare sockets, so that the clients leave the processors to the engine. */
export class Flood {
  private readonly client: BareClient;
  private readonly load: Pick<Load, "accepted">;

  private constructor(client: BareClient, load: Pick<Load, "accepted">) {
    this.client = client;
    this.load = load;
  }

  /** With so many connections open, to a server of the load. */
  static async open(url: string, connections: number, load: Pick<Load, "accepted">): Promise<Flood> {
    const client = new BareClient(Number(new URL(url).port), connections);
    await client.warm();
    return new Flood(client, load);
  }

  /** Sends it once. What is accepted is noted for the checker. Throws when the connection ends before the answer. */
  async once({ id, workflow, inputs }: Submission): Promise<BareAnswer> {
    const body = JSON.stringify({ id, workflow, inputs });
    const answer = await this.client.request("POST", "/api/runs", "content-type: application/json\r\n", body);
    if (answer.status >= 200 && answer.status < 300) this.load.accepted.push({ id, workflow, at: Date.now() });
    return answer;
  }

  /** Each until it is accepted, as many at once as there are connections. Throws when one is refused for good. */
  async all(submissions: readonly Submission[], atOnce: number): Promise<ReadonlyMap<string, Accepted>> {
    const accepted = new Map<string, Accepted>();
    let next = 0;
    const work = async (): Promise<void> => {
      for (let one = submissions[next++]; one; one = submissions[next++]) accepted.set(one.id, await this.until(one));
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return accepted;
  }

  close(): void {
    this.client.close();
  }

  private async until(one: Submission): Promise<Accepted> {
    const sentAt = performance.now();
    for (;;) {
      const { status, body } = await this.once(one);
      if (status < 300) return { sentAt, answeredAt: performance.now() };
      if (status !== 429 && status !== 503) throw new Error(`${one.id} was answered with ${status}: ${body}`);
      await sleep(AGAIN_MS);
    }
  }
}
