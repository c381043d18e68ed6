import type { DeadLetter, DeadLetterDetail, Operation, OperationPreview, Page, RerunAnswer, Run } from "@weftwork/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

const PICKY = `
name: picky
inputs: {amount: number, note: string}
steps:
  - {id: paid, type: paid, input: nothing}
  - id: divide
    type: javascript
    depends_on: [paid]
    code: |
      function main({ amount }) {
        if (amount === 0) throw new Error("amount is zero");
        return 100 / amount;
      }
    inputs: {amount: "{{ inputs.amount }}"}
outputs: {share: "{{ steps.divide.output }}"}
`;

async function call<Answer>(
  method: "GET" | "POST",
  url: string,
  body?: object,
  headers = {},
): Promise<{ status: number; body: Answer }> {
  const answer = await server.app.fastify.inject({
    method,
    url,
    headers: { ...(body ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { payload: JSON.stringify(body) } : {}),
  });
  return { status: answer.statusCode, body: answer.json<Answer>() };
}

async function failed(note = "first", more: object = {}): Promise<string> {
  const { run } = await server.weft.runs.start({ workflow: "picky", inputs: { amount: 0, note }, ...more });
  expect((await server.weft.runs.wait(run.id))!.status).toBe("failed");
  return run.id;
}

const listed = async (query = ""): Promise<readonly DeadLetter[]> =>
  (await call<Page<DeadLetter>>("GET", `/api/dead-letters${query}`)).body.data;

async function ended(id: string): Promise<Operation> {
  return expect
    .poll(async () => (await call<Operation>("GET", `/api/operations/${id}`)).body, { timeout: 20_000, interval: 20 })
    .toMatchObject({ finished_at: expect.any(String) })
    .then(async () => (await call<Operation>("GET", `/api/operations/${id}`)).body);
}

test("a dead letter with an edited input is retried, succeeds, and leaves the list", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  expect(await listed()).toMatchObject([
    { id, workflow: "picky", error_code: "CODE_FAILED", quarantined: false, state: "open", retry: null, retries: 0 },
  ]);
  const { body: letter } = await call<DeadLetterDetail>("GET", `/api/dead-letters/${id}`);
  expect(letter).toMatchObject({
    inputs: { amount: 0, note: "first" },
    error: { code: "CODE_FAILED", step: "divide" },
    failed_step: {
      id: "divide",
      inputs: { inputs: { amount: 0 } },
      attempts: [
        { number: 1, error: { code: "CODE_FAILED" }, started_at: expect.any(String), finished_at: expect.any(String) },
      ],
    },
    steps: [
      { id: "paid", status: "succeeded", output: "paid for" },
      { id: "divide", status: "failed" },
    ],
    damaged: null,
  });
  expect(JSON.stringify(letter.error)).toContain("amount is zero");
  const retry = await call<RerunAnswer>("POST", `/api/dead-letters/${id}/retry`, { inputs: { amount: 4 } });
  expect(retry).toMatchObject({ status: 202, body: { rerun_of: id, reused: 1, reused_tokens: 7 } });
  expect(await server.weft.runs.wait(retry.body.id)).toMatchObject({
    status: "succeeded",
    inputs: { amount: 4, note: "first" },
    outputs: { share: 25 },
  });
  expect(await listed()).toEqual([]);
  const { body: after } = await call<DeadLetterDetail>("GET", `/api/dead-letters/${id}`);
  expect(after).toMatchObject({ state: "retried", retries: 1, retry: { run: retry.body.id, status: "succeeded" } });
  const again = await call("POST", `/api/dead-letters/${id}/retry`, {});
  expect(again).toMatchObject({ status: 409, body: { code: "dead_letter_settled" } });
});

test("one piece of work is one entry: a retry that fails takes its place, one that is open is pointed to", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  const first = await call<RerunAnswer>("POST", `/api/dead-letters/${id}/retry`, { inputs: { note: "again" } });
  await server.weft.runs.wait(first.body.id);
  expect((await listed()).map((one) => one.id)).toEqual([first.body.id]);
  // A plain retry of the run counts as well.
  const second = await call<RerunAnswer>("POST", `/api/runs/${first.body.id}/retry`);
  await server.weft.runs.wait(second.body.id);
  expect((await listed()).map((one) => one.id)).toEqual([second.body.id]);
});

test("the same key is the same retry, also when it has ended; two at once begin one run", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  const [a, b] = await Promise.all([1, 2].map(() => call<RerunAnswer>("POST", `/api/dead-letters/${id}/retry`, {})));
  expect(a!.body.id).toBe(b!.body.id);
  await server.weft.runs.wait(a!.body.id);
  const key = { "idempotency-key": "mine" };
  const [next] = await listed();
  const one = await call<RerunAnswer>("POST", `/api/dead-letters/${next!.id}/retry`, { inputs: { amount: 1 } }, key);
  await server.weft.runs.wait(one.body.id);
  const two = await call<RerunAnswer>("POST", `/api/dead-letters/${next!.id}/retry`, { inputs: { amount: 1 } }, key);
  expect([one.status, two.status, two.body.id]).toEqual([202, 200, one.body.id]);
});

test("two at once with keys of their own begin one run; one that asks for something else is refused", async () => {
  await server.weft.workflows.publish(PICKY);
  const keyed = (id: string, key: string, body: object) =>
    call<RerunAnswer & { code?: string }>("POST", `/api/dead-letters/${id}/retry`, body, { "idempotency-key": key });
  const id = await failed();
  const same = await Promise.all(["a", "b", "c"].map((key) => keyed(id, key, { inputs: { amount: 2 } })));
  expect(new Set(same.map(({ body }) => body.id)).size).toBe(1);
  const [first] = same;
  expect(await server.weft.runs.wait(first!.body.id)).toMatchObject({ status: "succeeded" });
  const other = await failed("second");
  const mixed = await Promise.all([1, 2].map((amount) => keyed(other, `${amount}`, { inputs: { amount } })));
  expect(mixed.map(({ status }) => status).toSorted()).toEqual([202, 409]);
  expect(mixed.find(({ status }) => status === 409)!.body.code).toBe("dead_letter_settled");
  await server.weft.runs.wait(mixed.find(({ status }) => status === 202)!.body.id);
  const ran = (await server.weft.runs.list({ limit: 50 })).data.map(({ status }) => status);
  expect(ran.toSorted()).toEqual(["failed", "failed", "succeeded", "succeeded"]);
});

test("a plain retry and one of its entry with the same key are the same", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  const key = { "idempotency-key": "mine" };
  const plain = await call<RerunAnswer>("POST", `/api/runs/${id}/retry`, undefined, key);
  const entry = await call<RerunAnswer>("POST", `/api/dead-letters/${id}/retry`, {}, key);
  expect([plain.status, entry.status, entry.body.id]).toEqual([202, 200, plain.body.id]);
});

test("discarding takes an entry away for good; what has not failed is none", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  const { body } = await call<DeadLetter>("POST", `/api/dead-letters/${id}/discard`, { reason: "test data" });
  expect(body).toMatchObject({ state: "discarded", reason: "test data" });
  expect((await call<DeadLetter>("POST", `/api/dead-letters/${id}/discard`, { reason: "other" })).body.reason).toBe(
    "test data",
  );
  expect(await listed()).toEqual([]);
  expect(await call("POST", `/api/dead-letters/${id}/retry`, {})).toMatchObject({ status: 409 });
  const { run } = await server.weft.runs.start({ workflow: "hello", inputs: { text: "x" } });
  await server.weft.runs.wait(run.id);
  expect(await call("GET", `/api/dead-letters/${run.id}`)).toMatchObject({
    status: 404,
    body: { code: "dead_letter_not_found" },
  });
  expect(await call("GET", "/api/dead-letters/nobody")).toMatchObject({ status: 404, body: { code: "run_not_found" } });
});

test("filters and pages hold; a page begins where the last one ended", async () => {
  await server.weft.workflows.publish(PICKY);
  const ids: string[] = [];
  for (let index = 0; index < 5; index++)
    ids.push(await failed(`${index}`, { metadata: { team: index < 2 ? "a" : "b" } }));
  await call("POST", `/api/dead-letters/${ids[3]}/discard`, {});
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body }: { body: Page<DeadLetter> } = await call(
      "GET",
      `/api/dead-letters?limit=2${cursor && `&cursor=${cursor}`}`,
    );
    expect(body.data.length).toBeLessThanOrEqual(2);
    seen.push(...body.data.map((one) => one.id));
    cursor = body.next_cursor;
  }
  expect(seen).toEqual([ids[4], ids[2], ids[1], ids[0]]);
  expect(await listed("?error_code=code_failed")).toHaveLength(4);
  expect(await listed("?error_code=OTHER")).toEqual([]);
  expect(await listed("?workflow=hello")).toEqual([]);
  expect(await listed("?quarantined=true")).toEqual([]);
  expect(await listed("?quarantined=false")).toHaveLength(4);
  expect(await call("GET", "/api/dead-letters?cursor=abc")).toMatchObject({ status: 400 });
  const runs = await call<Page<Run>>("GET", "/api/runs?metadata.team=a");
  expect(runs.body.data.map(({ id }) => id)).toEqual([ids[1], ids[0]]);
  expect((await call<Page<Run>>("GET", "/api/runs?error_code=code_failed&limit=1")).body.data).toHaveLength(1);
});

test("an operation counts first, then retries every dead letter of its filter once", async () => {
  await server.weft.workflows.publish(PICKY);
  for (let index = 0; index < 7; index++) await failed(`${index}`);
  const asked = { action: "retry", filter: { workflow: "picky" }, inputs: { amount: 5 }, rate: 500 };
  const preview = await call<OperationPreview>("POST", "/api/operations", { ...asked, dry_run: true });
  expect(preview).toMatchObject({ status: 200, body: { total: 7, exact: true } });
  expect(await listed()).toHaveLength(7);
  const begun = await call<Operation>("POST", "/api/operations", asked, { "idempotency-key": "bulk-1" });
  expect(begun).toMatchObject({ status: 202, body: { action: "retry", done: 0 } });
  const repeat = await call<Operation>("POST", "/api/operations", asked, { "idempotency-key": "bulk-1" });
  expect(repeat).toMatchObject({ status: 200, body: { id: begun.body.id } });
  const other = { ...asked, inputs: { amount: 6 } };
  expect(await call("POST", "/api/operations", other, { "idempotency-key": "bulk-1" })).toMatchObject({ status: 400 });
  expect(await ended(begun.body.id)).toMatchObject({
    status: "succeeded",
    total: 7,
    done: 7,
    failed: 0,
    skipped: 0,
    errors: [],
  });
  await expect
    .poll(async () => (await server.weft.runs.stats()).runs)
    .toMatchObject({ open: 0, succeeded: 7, failed: 7 });
  expect(await listed()).toEqual([]);
  const { body } = await call<Page<Operation>>("GET", "/api/operations");
  expect(body).toMatchObject({ data: [{ id: begun.body.id }], next_cursor: null });
});

test("an operation over named runs tells which failed and why; cancelling skips what has ended", async () => {
  await server.weft.workflows.publish(PICKY);
  const id = await failed();
  const { run } = await server.weft.runs.start({ workflow: "gated" });
  await server.arrived();
  const rerun = await call<Operation>("POST", "/api/operations", {
    action: "rerun",
    step: "nowhere",
    ids: [id, "gone"],
  });
  expect(await ended(rerun.body.id)).toMatchObject({
    status: "succeeded",
    total: 2,
    done: 0,
    failed: 2,
    errors: expect.arrayContaining([
      { run: id, code: "INVALID_REQUEST", message: expect.stringContaining("nowhere") },
      { run: "gone", code: "RUN_NOT_FOUND", message: expect.any(String) },
    ]),
  });
  const cancel = await call<Operation>("POST", "/api/operations", {
    action: "cancel",
    ids: [id, run.id],
    reason: "enough",
  });
  expect(await ended(cancel.body.id)).toMatchObject({ done: 1, skipped: 1, failed: 0 });
  expect(await server.weft.runs.get(run.id)).toMatchObject({
    status: "cancelled",
    error: { message: expect.stringContaining("enough") },
  });
});

test("an operation that is aborted stops between its runs", async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `gone-${index}`);
  const { body } = await call<Operation>("POST", "/api/operations", { action: "discard", ids, rate: 0.001 });
  await expect
    .poll(async () => (await call<Operation>("GET", `/api/operations/${body.id}`)).body)
    .toMatchObject({ status: "running", total: 60, failed: 50 });
  expect((await call<Operation>("POST", `/api/operations/${body.id}/abort`, {})).body.status).toBe("aborting");
  expect(await ended(body.id)).toMatchObject({ status: "aborted", total: 60, done: 0, failed: 50, skipped: 0 });
  const after = await call<Operation>("POST", `/api/operations/${body.id}/abort`, {});
  expect(after.body.status).toBe("aborted");
});

test.each([
  [{ action: "cancel" }, "give one of the two"],
  [{ action: "cancel", filter: {}, ids: ["a"] }, "give one of the two"],
  [{ action: "rerun", filter: {} }, "give step"],
  [{ action: "cancel", filter: { status: ["failed"] } }, "open runs"],
  [{ action: "retry", filter: { status: ["failed"] } }, "leave status out"],
  [{ action: "retry", filter: { state: "x" } }, "not known"],
  [{ action: "explode", filter: {} }, "must be one of"],
  [{ action: "cancel", ids: [] }, "1 to 10000"],
])("an operation %j is refused", async (body, reason) => {
  const answer = await call<{ detail: string }>("POST", "/api/operations", body);
  expect(answer.status).toBe(400);
  expect(answer.body.detail).toContain(reason);
});
