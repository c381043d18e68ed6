import type { Server } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "@weftwork/core";
import { problemBody, PROBLEM_TYPE } from "./problem.ts";

/** How much of the server one caller may take, and for how long. Milliseconds, bytes, counts. */
export interface HttpLimits {
  /** From the opening of a connection, or the end of the answer before, to the end of a request's head. */
  readonly headersMs: number;
  /** The same to the end of its body. */
  readonly requestMs: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** Connections in all. */
  readonly connectionsMax: number;
  /** Connections of one address, those that carry a stream left out. */
  readonly connectionsPerAddress: number;
  /** Connections of one address that carry a stream of events or a WebSocket. */
  readonly streamsPerAddress: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersMs: 10_000,
  requestMs: 60_000,
  headerBytesMax: 16 * 1024,
  headersMax: 200,
  connectionsMax: 20_000,
  connectionsPerAddress: 5000,
  streamsPerAddress: 2000,
};

interface Count {
  plain: number;
  streams: number;
}

/**
 * Counts the connections of each address. Those that carry a stream are counted apart: they stay open for long by
 * design, and must not keep their caller from asking. One connection too many is told so and closed.
 */
export class Connections {
  private readonly limits: HttpLimits;
  private readonly byAddress = new Map<string, Count>();
  private readonly streaming = new WeakSet<Socket>();

  constructor(server: Server, limits: HttpLimits) {
    this.limits = limits;
    server.maxConnections = limits.connectionsMax;
    server.on("connection", (socket: Socket) => this.opened(socket));
  }

  /** How many connections of an address are open. */
  of(address: string): Readonly<Count> {
    return this.byAddress.get(address) ?? { plain: 0, streams: 0 };
  }

  /** From now on the connection carries a stream, until the callback is called. Throws `OVERLOADED` over the limit. */
  carriesStream(socket: Socket): () => void {
    const count = this.byAddress.get(addressOf(socket));
    // A socket that has closed meanwhile is counted no more; a second stream on one connection is the same connection.
    if (!count || socket.destroyed || this.streaming.has(socket)) return () => undefined;
    const { streamsPerAddress } = this.limits;
    if (count.streams >= streamsPerAddress) {
      throw new AppError("OVERLOADED", { reason: `${streamsPerAddress} open streams from one address`, retryAfter: 5 });
    }
    count.plain--;
    count.streams++;
    this.streaming.add(socket);
    return () => {
      if (!this.streaming.delete(socket)) return;
      count.streams--;
      count.plain++;
    };
  }

  private opened(socket: Socket): void {
    const address = addressOf(socket);
    const count = this.byAddress.get(address) ?? { plain: 0, streams: 0 };
    this.byAddress.set(address, count);
    count.plain++;
    socket.once("close", () => {
      if (this.streaming.delete(socket)) count.streams--;
      else count.plain--;
      if (count.plain + count.streams === 0) this.byAddress.delete(address);
    });
    const { connectionsPerAddress } = this.limits;
    if (count.plain <= connectionsPerAddress) return;
    const reason = `${connectionsPerAddress} open connections from one address`;
    answerAndCut(socket, 503, "Service Unavailable", new AppError("OVERLOADED", { reason, retryAfter: 1 }));
  }
}

/** Answers on the bare socket, outside of any request, and closes it. */
export function answerAndCut(socket: Socket, status: number, phrase: string, problem: AppError): void {
  const body = JSON.stringify(problemBody(problem, "none", { status }));
  const head = [
    `HTTP/1.1 ${status} ${phrase}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function addressOf(socket: Socket): string {
  // Gone already when the other side has hung up in between.
  return socket.remoteAddress ?? "unknown";
}
