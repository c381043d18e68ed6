import { request } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { createApp, type AppOptions } from "../../packages/server/src/http/app.ts";
import { openWeft, type Weft, type WeftOptions } from "../../packages/server/src/index.ts";

/** A real server on loopback, to be attacked over sockets. */
export interface Attacked {
  readonly weft: Weft;
  readonly port: number;
  readonly app: ReturnType<typeof createApp>;
  /** What the server logged as an error. */
  readonly errors: readonly string[];
  ask(method: string, path: string, options?: Asking): Promise<Answer>;
  json(method: string, path: string, body: unknown): Promise<Answer>;
  yaml(method: string, path: string, body: string): Promise<Answer>;
  close(): Promise<void>;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export async function attacked(
  options: WeftOptions & {
    readonly limits?: AppOptions["limits"];
    readonly bodyLimit?: number;
    readonly metricsPort?: number;
  } = {},
): Promise<Attacked> {
  const errors: string[] = [];
  const weft = await openWeft({
    problem: (message, _run, error) => void errors.push(`${message}: ${String(error)}`),
    ...options,
  });
  const app = createApp({
    weft,
    config: {
      host: "127.0.0.1",
      port: 0,
      bodyLimit: options.bodyLimit ?? 16 * 1024 * 1024,
      ...(options.metricsPort === undefined ? {} : { metricsPort: options.metricsPort }),
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    logger: { info: () => undefined, warn: () => undefined, error: (_fields, message) => void errors.push(message) },
  });
  await app.listen();
  const { port } = app.fastify.server.address() as AddressInfo;
  const ask: Attacked["ask"] = (method, path, { headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, method, path, headers }, async (answer) => {
        let text = "";
        for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
      });
      asked.on("error", reject).end(body);
    });
  return {
    weft,
    port,
    app,
    errors,
    ask,
    json: (method, path, body) =>
      ask(method, path, {
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    yaml: (method, path, body) => ask(method, path, { headers: { "content-type": "application/yaml" }, body }),
    async close() {
      await app.close();
      await weft.close({ graceMs: 1000 });
    },
  };
}

/** A connection on which every byte is written by the test. */
export interface RawConnection {
  readonly socket: Socket;
  /** All that has come so far. */
  readonly received: () => string;
  /** Resolves with all that came, when the other side has closed. */
  readonly closed: Promise<string>;
}

export async function rawConnection(port: number, localAddress?: string): Promise<RawConnection> {
  const socket = connect({ port, host: "127.0.0.1", ...(localAddress === undefined ? {} : { localAddress }) });
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  // One that still sends while it is cut off sees a reset; the close behind it is what counts.
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(text)));
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return { socket, received: () => text, closed };
}

/** Sends bytes as they are and hears until the other side closes. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const { socket, closed } = await rawConnection(port);
  socket.write(Buffer.from(bytes, "latin1"));
  return closed;
}
