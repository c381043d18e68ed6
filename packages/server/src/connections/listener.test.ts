import { once } from "node:events";
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";
import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { PostgresListener } from "./listener.ts";

const NAME = "the listener under test";

const postgres = await testPostgres();
const database = await postgres?.create();
afterAll(() => database?.drop());

describe.skipIf(!database)("what listens on PostgreSQL", () => {
  const url = database?.url ?? "";
  let told: string[];
  let open: PostgresListener[];
  beforeEach(() => {
    told = [];
    open = [];
  });
  afterEach(() => Promise.all(open.map((listener) => listener.close())));

  function listening(channels = ["one"], to = url, more: pg.ClientConfig = {}): PostgresListener {
    const listener = new PostgresListener({
      connection: { connectionString: to, application_name: NAME, connectionTimeoutMillis: 2000, ...more },
      channels,
      onNotification: (payload) => told.push(payload),
      onUp: () => told.push("up"),
      onDown: () => told.push("down"),
    });
    open.push(listener);
    return listener;
  }

  async function ask(text: string, values: readonly unknown[] = []): Promise<readonly object[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<object>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }
  const notify = (channel: string, payload: string) => ask("select pg_notify($1, $2)", [channel, payload]);
  const connections = () => ask("select pid from pg_stat_activity where application_name = $1", [NAME]);
  const cut = () => ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [NAME]);
  async function until(last: string): Promise<void> {
    await expect.poll(() => told.at(-1), { timeout: 20_000 }).toBe(last);
  }

  test("a connection that gives no answer is replaced by one that does", async () => {
    const sockets: Socket[] = [];
    const { hostname, port } = new URL(url);
    const proxy = createServer((near) => {
      const far = createConnection(Number(port || 5432), hostname);
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on("error", () => undefined);
      near.pipe(far).pipe(near);
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const through = new URL(url);
    through.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const listener = listening(["one"], through.href, { query_timeout: 300 });
    listener.start();
    await until("up");
    // The server is gone without a word: nothing comes back, and nothing says so.
    for (const socket of sockets) socket.unpipe();
    await expect(listener.ask({ text: "select 1" })).rejects.toThrow("timeout");
    await expect.poll(() => told).toEqual(["up", "down", "up"]);
    await listener.ask({ text: "select 1" });
    await expect(listener.ask({ text: "select wrong" })).rejects.toThrow("wrong");
    await notify("one", "heard");
    await until("heard");
    expect(told).toEqual(["up", "down", "up", "heard"]);
    await listener.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });

  test("every channel is heard, whatever its name, on one connection however often it is started", async () => {
    const listener = listening(["one", 'Two "quoted"']);
    expect(listener.connection).toBeNull();
    listener.start();
    listener.start();
    await until("up");
    await notify("one", "a");
    await notify('Two "quoted"', "");
    await notify("three", "not for us");
    await notify("one", "b");
    await until("b");
    expect(told).toEqual(["up", "a", "", "b"]);
    expect(await connections()).toHaveLength(1);
  });

  test("a connection that breaks is made anew, and both are told once", async () => {
    const listener = listening();
    listener.start();
    await until("up");
    const first = listener.connection;
    await cut();
    await expect.poll(() => told, { timeout: 20_000 }).toEqual(["up", "down", "up"]);
    expect(listener.connection).not.toBe(first);
    await notify("one", "again");
    await until("again");
    expect(await connections()).toHaveLength(1);
  });

  test("while the server does not answer nothing is told, and it can be closed", async () => {
    const listener = listening(["one"], "postgres://postgres@127.0.0.1:1/none");
    listener.start();
    await new Promise((resolve) => setImmediate(resolve));
    await listener.close();
    expect([told, listener.connection]).toEqual([[], null]);
  });

  test("what is closed tells nothing, holds no connection and does not come back", async () => {
    const [early, up] = [listening(), listening()];
    early.start();
    await early.close();
    up.start();
    await until("up");
    await up.close();
    for (const listener of [early, up]) listener.start();
    await expect.poll(connections).toEqual([]);
    expect(told).toEqual(["up"]);
    expect([early.connection, up.connection]).toEqual([null, null]);
  });
});
