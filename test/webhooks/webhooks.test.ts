import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";
import { believed, startReceiver, taken, type Receiver } from "./receiver.ts";

const HELLO = "name: hello\nsteps:\n  - {id: a, type: template, template: hi}\n";
const postgres = await testPostgres();

let receiver: Receiver;
let folder: string;
const children: ChildProcess[] = [];
const open: Weft[] = [];
beforeEach(async () => {
  receiver = await startReceiver();
  folder = mkdtempSync(join(tmpdir(), "weft-webhooks-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((weft) => weft.close({ graceMs: 1000 })));
  for (const child of children.splice(0)) await ended(child, "SIGKILL");
  await receiver.down();
  rmSync(folder, { recursive: true, force: true });
});

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

function begun(...args: readonly string[]): ChildProcess {
  const file = join(import.meta.dirname, "child.ts");
  const child = spawn(process.execPath, [file, folder, String(receiver.port), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

async function opened(store: string, more: object = {}): Promise<Weft> {
  const weft = await openWeft({ store, httpAllow: [`127.0.0.1:${receiver.port}`], ...more });
  open.push(weft);
  return weft;
}

/** Waits until what is asked for is so. */
async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("a process that is killed between sending and recording is followed by the next, with the same message", async () => {
  receiver.answer = () => {};
  const first = begun("r1");
  const [line] = (await once(first.stdout!, "data")) as [Buffer];
  const secret = line.toString("utf8").trim();
  await receiver.count(1);
  await ended(first, "SIGKILL");
  const [lost] = receiver.got;
  receiver.answer = taken;
  begun();
  await receiver.count(3);
  const [, again, next] = receiver.got;
  expect([lost!.type, again!.type, next!.type]).toEqual(["run.started", "run.started", "run.succeeded"]);
  expect([again!.id, again!.body]).toEqual([lost!.id, lost!.body]);
  for (const got of receiver.got) expect([got.run, believed(got, secret)]).toEqual(["r1", true]);
  // Neither the secret nor what may be a token stands in the folder as it is.
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.db(?:-wal)?$/.test(name)) continue;
    const bytes = readFileSync(join(folder, name));
    for (const hidden of [secret.slice(6), "abcdef"]) expect([name, bytes.includes(hidden)]).toEqual([name, false]);
  }
}, 60_000);

test("a receiver that was not there at first has every message with the second attempt", async () => {
  const weft = await opened("memory");
  await weft.workflows.publish(HELLO);
  const { id, secret } = await weft.webhooks.create({ url: receiver.url });
  await receiver.down();
  await weft.runs.start({ workflow: "hello", id: "r1" });
  await until(async () => {
    const { data } = await weft.webhooks.deliveries(id);
    return data.some(({ attempt_count: attempts }) => attempts > 0);
  });
  await receiver.up();
  await receiver.count(2);
  expect(receiver.got.map(({ type }) => type)).toEqual(["run.started", "run.succeeded"]);
  for (const got of receiver.got) expect(believed(got, secret)).toBe(true);
  await until(async () => (await weft.webhooks.deliveries(id)).data.every(({ status }) => status === "delivered"));
  const { attempts } = await weft.webhooks.delivery(receiver.got[0]!.id);
  expect(attempts.map(({ status, error }) => [status, error?.includes("ECONNREFUSED") ?? false])).toEqual([
    [null, true],
    [204, false],
  ]);
  expect(weft.metrics()).toContain('weft_webhook_deliveries_total{outcome="delivered"} 2');
}, 60_000);

test("an address of this machine is refused unless the operator has opened it", async () => {
  const weft = await openWeft();
  open.push(weft);
  const { id } = await weft.webhooks.create({ url: receiver.url });
  const tested = await weft.webhooks.test(id);
  expect(tested).toMatchObject({ status: "dead", attempts: [{ status: null }] });
  expect(tested.last_error).toContain("WEFT_HTTP_ALLOW");
  expect(receiver.got).toEqual([]);
});

test("a run's own address is told of it, signed with the secret for such addresses", async () => {
  const weft = await opened("memory");
  await weft.workflows.publish(HELLO);
  const { secret } = await weft.webhooks.rotate("callback");
  await weft.runs.start({ workflow: "hello", id: "r1", callback_url: `${receiver.url}?mine=1` });
  await weft.runs.start({ workflow: "hello", id: "r2" });
  await receiver.count(2);
  expect(receiver.got.map(({ run, type, path }) => [run, type, path])).toEqual([
    ["r1", "run.started", "/hook?mine=1"],
    ["r1", "run.succeeded", "/hook?mine=1"],
  ]);
  for (const got of receiver.got) expect(believed(got, secret)).toBe(true);
});

describe.skipIf(postgres === null)("several processes on PostgreSQL", () => {
  test("send nothing twice while they live, and all of it", async () => {
    const { url, drop } = await postgres!.create();
    const environment = { WEFT_MASTER_KEY: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64") };
    try {
      const [one, two] = [
        await opened(url, { environment, name: "one" }),
        await opened(url, { environment, name: "two" }),
      ];
      await one!.workflows.publish(HELLO);
      const { id, secret } = await one!.webhooks.create({ url: receiver.url });
      // The other process knows of it as well.
      await until(async () => (await two!.webhooks.list()).length === 1);
      receiver.answer = (_, response) => void setTimeout(() => response.writeHead(200).end("ok"), 30);
      const runs = Array.from({ length: 40 }, (_, at) => `r${at}`);
      await Promise.all(runs.map((run, at) => (at % 2 === 0 ? one! : two!).runs.start({ workflow: "hello", id: run })));
      await receiver.count(80);
      await until(async () => {
        const { data } = await one!.webhooks.deliveries(id, { limit: 200 });
        return data.length === 80 && data.every(({ status }) => status === "delivered");
      });
      expect(receiver.got).toHaveLength(80);
      expect(new Set(receiver.got.map((got) => got.id)).size).toBe(80);
      for (const run of runs) {
        const types = receiver.got.filter((got) => got.run === run).map(({ type }) => type);
        expect([run, types]).toEqual([run, ["run.started", "run.succeeded"]]);
      }
      expect(receiver.got.every((got) => believed(got, secret))).toBe(true);
    } finally {
      await Promise.all(open.splice(0).map((weft) => weft.close({ graceMs: 1000 })));
      await drop();
    }
  }, 60_000);
});
