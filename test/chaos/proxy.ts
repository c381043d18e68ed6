import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Random } from "../simulation/random.ts";

/** What becomes of the bytes between a process and its database. */
export interface Weather {
  /** Bytes towards the database are held back, and towards the process. Held bytes go on afterwards, in order. */
  readonly blockUp?: boolean;
  readonly blockDown?: boolean;
  /** Milliseconds that each answer takes longer; some take `slowMs`. */
  readonly delayMs?: number;
  readonly slowMs?: number;
  readonly slowShare?: number;
  /** Share of answers at which the connection breaks: what was asked for has been done, and nobody hears of it. */
  readonly breakShare?: number;
}

interface Line {
  readonly from: Socket;
  readonly to: Socket;
  readonly direction: "up" | "down";
  readonly waiting: Buffer[];
}

/** A wire between a process and a service that can be slow, cut in one direction, or broken at the answer. */
export class Wire {
  /** Connections that were broken. */
  broken = 0;
  private weather: Weather = {};
  private readonly server: Server;
  private readonly lines = new Set<Line>();
  private readonly random: Random;

  private constructor(target: number, random: Random) {
    this.random = random;
    this.server = createServer((client) => {
      const service = connect({ host: "127.0.0.1", port: target, noDelay: true });
      client.setNoDelay(true);
      this.carry(client, service, "up");
      this.carry(service, client, "down");
    });
  }

  static async open(target: number, random: Random): Promise<Wire> {
    const wire = new Wire(target, random);
    await once(wire.server.listen(0, "127.0.0.1"), "listening");
    return wire;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The same address by way of the wire. */
  through(url: string): string {
    const address = new URL(url);
    address.port = String(this.port);
    return address.href;
  }

  set(weather: Weather): void {
    this.weather = weather;
    for (const line of this.lines) this.flow(line);
  }

  async close(): Promise<void> {
    for (const { from, to } of this.lines) {
      from.destroy();
      to.destroy();
    }
    await new Promise<void>((resolve) => void this.server.close(() => resolve()));
  }

  private carry(from: Socket, to: Socket, direction: "up" | "down"): void {
    const line: Line = { from, to, direction, waiting: [] };
    this.lines.add(line);
    const end = (): void => {
      this.lines.delete(line);
      from.destroy();
      to.destroy();
    };
    from.on("error", end);
    from.on("close", end);
    from.on("data", (bytes: Buffer) => {
      const { breakShare = 0, delayMs = 0, slowMs = 0, slowShare = 0 } = this.weather;
      if (direction === "down" && this.random.chance(breakShare)) {
        this.broken += 1;
        end();
        return;
      }
      const wait = direction === "down" ? (this.random.chance(slowShare) ? slowMs : delayMs) : 0;
      line.waiting.push(bytes);
      if (wait === 0) this.flow(line);
      // The order stays: whatever waits goes when the last has waited.
      else setTimeout(() => this.flow(line), wait);
    });
  }

  private flow(line: Line): void {
    const { blockUp = false, blockDown = false } = this.weather;
    if (line.direction === "up" ? blockUp : blockDown) return;
    for (const bytes of line.waiting.splice(0)) if (!line.to.destroyed) line.to.write(bytes);
  }
}
