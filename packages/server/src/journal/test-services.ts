import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/**
 * Where tests find the servers they need. Without one they are skipped, with a line that says so; where the whole check
 * runs (`CI=true`), a missing server is a failure.
 */
export type Service = { readonly url: string } | { readonly skip: string };

export const postgresForTests = (): Promise<Service> =>
  serviceFor("PostgreSQL", "WEFT_TEST_POSTGRES_URL", 5432, "postgres://postgres@127.0.0.1:5432/postgres");

/** Tests share it, so each uses keys with a prefix of its own and never empties it. */
export const redisForTests = (): Promise<Service> =>
  serviceFor("Redis", "WEFT_TEST_REDIS_URL", 6379, "redis://127.0.0.1:6379");

/** Tests share it, so each uses queues with a prefix of its own. */
export const rabbitmqForTests = (): Promise<Service> =>
  serviceFor("RabbitMQ", "WEFT_TEST_RABBITMQ_URL", 5672, "amqp://guest:guest@127.0.0.1:5672");

async function serviceFor(name: string, variable: string, port: number, usual: string): Promise<Service> {
  // The part of the whole check that does what a newcomer does: no service is to be seen, and that is no failure.
  if (process.env["WEFT_TEST_SERVICES"] === "off") return skipped("WEFT_TEST_SERVICES is off");
  const named = process.env[variable];
  if (named) return { url: named };
  if (await answers(port)) return { url: usual };
  return missing(`no ${name} answers on 127.0.0.1:${port}, and ${variable} is not set`);
}

function missing(reason: string): Service {
  if (process.env["CI"] === "true") throw new Error(`The whole check needs it: ${reason}.`);
  return skipped(reason);
}

function skipped(reason: string): Service {
  process.stderr.write(`Skipped: ${reason}.\n`);
  return { skip: reason };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1000 });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

/** Stands between a client and a server, and breaks connections as told. */
export interface Proxy {
  readonly url: string;
  /** The next query (or the one `query` places on) is passed on; its answer is lost, and the connection with it. */
  swallowNextAnswer(query?: number): void;
  swallowed(): number;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let [armed, count] = [0, 0];
  const server = createServer((near) => {
    const far = connect(Number(port || 5432), hostname);
    let doomed = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.on("data", (data) => {
      if (armed > 0) {
        armed -= 1;
        doomed = armed === 0;
      }
      far.write(data);
    });
    far.on("data", (data) => {
      if (!doomed) return void near.write(data);
      count += 1;
      near.destroy();
      far.destroy();
      return undefined;
    });
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const proxied = new URL(target);
  proxied.hostname = "127.0.0.1";
  proxied.port = String((server.address() as AddressInfo).port);
  return {
    url: proxied.href,
    swallowNextAnswer: (query = 1) => {
      armed = query;
    },
    swallowed: () => count,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
