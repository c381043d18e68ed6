import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server that breaks: each connection is cut after so many bytes of answers. */
export interface CuttingProxy {
  readonly url: string;
  readonly cuts: number;
  close(): Promise<void>;
}

/** `bytes` says after how many bytes the next connection is cut; null leaves it whole. */
export async function cuttingProxy(port: number, bytes: () => number | null): Promise<CuttingProxy> {
  let cuts = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      open.add(socket);
      // A cut is what this is made for.
      socket.on("error", () => undefined).on("close", () => open.delete(socket));
    }
    let left = bytes() ?? Infinity;
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      client.write(chunk.subarray(0, Math.min(left, chunk.length)));
      left -= chunk.length;
      if (left > 0 || client.destroyed) return;
      cuts += 1;
      client.destroySoon();
      upstream.destroy();
    });
    upstream.on("end", () => client.end());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
