import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeRow, type Json } from "@weftwork/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";

/** Values that other formats read as an order to build something: each must come back as the value it is. */
const ORDERS: readonly Json[] = [
  { lc: 1, type: "constructor", id: ["langchain", "load"], kwargs: { path: "/etc/passwd" } },
  { $type: "System.Diagnostics.Process", $values: ["id"] },
  { "@class": "java.lang.Runtime", exec: "id" },
  { "py/object": "os.system", "py/reduce": ["id"] },
  { __class__: "subprocess.Popen", __module__: "subprocess" },
  { _$$ND_FUNC$$_: "function(){ return process }()" },
  { type: "Buffer", data: [1, 2, 3] },
  // oxlint-disable-next-line unicorn/no-thenable -- a trap for whoever waits for it
  { toJSON: "x", encode: "y", then: "z", constructor: { name: "Date" } },
  { $ref: "file:///etc/passwd", $import: "node:child_process" },
  'O:8:"stdClass":1:{s:1:"a";s:2:"id";}',
  "gASVHwAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg==",
  "rO0ABXNyABFqYXZhLmxhbmcuUnVudGltZQ==",
];

const folder = mkdtempSync(join(tmpdir(), "weft-stored-"));
const SOURCE = JSON.stringify({
  name: "keep",
  steps: [
    { id: "a", type: "assign", variables: { v: "{{ inputs }}" } },
    {
      id: "each",
      type: "for_each",
      items: "{{ inputs.values }}",
      collect: "{{ item }}",
      steps: [{ id: "i", type: "answer", input: "x" }],
    },
    { id: "hold", type: "wait", signal: "go", depends_on: ["each"] },
    {
      id: "b",
      type: "assign",
      variables: { done: true },
      depends_on: ["hold"],
    },
  ],
  outputs: { all: "{{ [inputs.values, steps.each.output, steps.hold.output] }}" },
});

let weft: Weft;
const problems: string[] = [];
const open = (): Promise<Weft> =>
  openWeft({ store: folder, problem: (message, _run, error) => void problems.push(`${message} ${String(error)}`) });
beforeAll(async () => {
  weft = await open();
});
afterAll(async () => {
  await weft.close();
  rmSync(folder, { recursive: true });
});

test("A29 values that name a class are stored as data, and are the same values after the process has gone", async () => {
  await weft.workflows.publish(SOURCE);
  await weft.runs.start({ workflow: "keep", id: "kept", inputs: { values: ORDERS }, metadata: { orders: ORDERS } });
  await expect.poll(async () => (await weft.runs.get("kept"))?.waiting_for?.step).toBe("hold");
  await weft.close();
  weft = await open();
  await weft.runs.signal("kept", { name: "go", payload: ORDERS });
  const ended = await weft.runs.wait("kept", { timeoutMs: 20_000 });
  expect(ended).toMatchObject({ status: "succeeded", metadata: { orders: ORDERS } });
  expect(Object.values(ended!.outputs as object)).toEqual([[ORDERS, ORDERS, ORDERS]]);
});

test("A29 every row of the journal, snapshot and payload is JSON behind its format's version", async () => {
  await weft.close();
  const db = new DatabaseSync(join(folder, "journal.db"), { readOnly: true });
  const bodies = [...db.prepare("select body from entry").all(), ...db.prepare("select body from snapshot").all()].map(
    (row) => String(row["body"]),
  );
  expect(bodies.length).toBeGreaterThan(1);
  for (const body of bodies) {
    expect(body[0]).toBe("1");
    expect(typeof JSON.parse(body.slice(1))).toBe("object");
  }
  const payloads = db
    .prepare("select bytes from payload")
    .all()
    .map((row) => row["bytes"] as Uint8Array);
  for (const bytes of payloads) expect(() => JSON.parse(Buffer.from(bytes).toString("utf8"))).not.toThrow();
  db.close();
  weft = await open();
});

test.each(["2[]", "[]", "{}", "\u0080\u0004\u0095", "!!js/function x", "O:1:x", "", "1", "1{", '1[{"at":1}]'])(
  "A29 a row that reads %j is refused; no second format is tried",
  (text) => expect(() => decodeRow(text)).toThrow(/format version|JSON|not iterable|map is not/),
);
