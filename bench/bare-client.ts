import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface BareAnswer {
  readonly status: number;
  readonly retryAfter: number | null;
  readonly body: string;
}

interface Waiting {
  readonly bytes: string;
  readonly resolve: (answer: BareAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * HTTP over bare sockets that are kept open: a client that costs a fraction of the server it asks, so that on a machine of
 * few cores it is the server that is measured. Knows answers with a Content-Length and nothing else.
 */
export class BareClient {
  private readonly port: number;
  private readonly idle: Socket[] = [];
  private readonly all = new Set<Socket>();
  private readonly queue: Waiting[] = [];
  private head = 0;
  private readonly serving = new Map<Socket, { readonly waiting: Waiting; text: string }>();
  private readonly connectionsMax: number;

  constructor(port: number, connectionsMax: number) {
    this.port = port;
    this.connectionsMax = connectionsMax;
  }

  request(method: string, path: string, headers: string, body: string): Promise<BareAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<BareAnswer>();
    const bytes =
      `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${this.port}\r\n${headers}` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    this.queue.push({ bytes, resolve, reject });
    this.next();
    return promise;
  }

  /** Opens all connections, a few at a time: so many at once would overflow the queue of the listening socket. */
  async warm(): Promise<void> {
    while (this.all.size < this.connectionsMax) {
      const sockets = Array.from({ length: Math.min(64, this.connectionsMax - this.all.size) }, () => this.open());
      await Promise.all(sockets.map((socket) => once(socket, "connect")));
      this.idle.push(...sockets);
    }
  }

  close(): void {
    for (const socket of this.all) socket.destroy();
  }

  private next(): void {
    while (this.head < this.queue.length) {
      const socket = this.idle.pop() ?? (this.all.size < this.connectionsMax ? this.open() : undefined);
      if (!socket) return;
      const waiting = this.queue[this.head++]!;
      if (this.head === this.queue.length) this.queue.length = this.head = 0;
      this.serving.set(socket, { waiting, text: "" });
      socket.write(waiting.bytes, "latin1");
    }
  }

  private open(): Socket {
    const socket = connect(this.port, "127.0.0.1");
    socket.setNoDelay(true).setEncoding("latin1");
    this.all.add(socket);
    socket.on("data", (text: string) => this.read(socket, text));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.all.delete(socket);
      this.serving.get(socket)?.waiting.reject(new Error("the connection was closed"));
      this.serving.delete(socket);
    });
    return socket;
  }

  private read(socket: Socket, text: string): void {
    const serving = this.serving.get(socket)!;
    serving.text += text;
    const end = serving.text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = serving.text.slice(0, end).toLowerCase();
    const length = Number(headerOf(head, "content-length") ?? Number.NaN);
    if (serving.text.length < end + 4 + length) return;
    this.serving.delete(socket);
    this.idle.push(socket);
    const retryAfter = headerOf(head, "retry-after");
    serving.waiting.resolve({
      status: Number(head.slice(9, 12)),
      retryAfter: retryAfter === null ? null : Number(retryAfter),
      body: serving.text.slice(end + 4),
    });
    this.next();
  }
}

function headerOf(head: string, name: string): string | null {
  const at = head.indexOf(`\r\n${name}:`);
  if (at < 0) return null;
  const end = head.indexOf("\r\n", at + 2);
  return head.slice(at + name.length + 3, end < 0 ? undefined : end).trim();
}
