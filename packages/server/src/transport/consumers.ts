import { startPump, type Pump, type Source } from "./pump.ts";
import type { ConsumeOptions, Consumer, TransportOptions } from "./transport.ts";

/** Those who take messages from one transport. They end with it, where they have not ended before. */
export class Consumers {
  private readonly options: Pick<TransportOptions, "problem">;
  private readonly pumps = new Set<Pump>();

  constructor(options: Pick<TransportOptions, "problem">) {
    this.options = options;
  }

  start<Held>(pool: string, source: Source<Held>, consume: ConsumeOptions): Consumer {
    const pump = startPump(pool, source, consume, this.options);
    this.pumps.add(pump);
    return {
      close: async () => {
        await pump.close();
        this.pumps.delete(pump);
      },
    };
  }

  /** All take nothing more and give everything back, also what is with their handlers. */
  async release(): Promise<void> {
    await Promise.all([...this.pumps].map((pump) => pump.release()));
  }
}
