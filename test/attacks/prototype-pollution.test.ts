import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attacked, type Attacked } from "./server.ts";

/** Everything that every object, list, text and function inherits, before anything was asked. */
const PROTOTYPES = [
  Object.prototype,
  Array.prototype,
  String.prototype,
  Function.prototype,
  Map.prototype,
  Promise.prototype,
];
const before = PROTOTYPES.map((one) => Reflect.ownKeys(one).map(String));

function expectClean(): void {
  expect(PROTOTYPES.map((one) => Reflect.ownKeys(one).map(String))).toEqual(before);
  const plain: Record<string, unknown> = {};
  for (const name of ["polluted", "isAdmin", "admin", "status", "0"]) expect(plain[name]).toBeUndefined();
  expect(([] as Record<string, unknown>[])["polluted" as never]).toBeUndefined();
}

let server: Attacked;
beforeAll(async () => {
  server = await attacked();
  const steps = [
    "  - {id: a, type: template, template: '{{ inputs | tojson }}'}",
    "  - {id: x, type: template, template: x}",
    "  - {id: merged, type: aggregate, mode: merge, from: [m1, m2]}",
    "  - {id: m1, type: assign, variables: {m: '{{ inputs.evil }}'}}",
    "  - {id: m2, type: answer, input: '{{ inputs.evil }}'}",
    '  - {id: set, type: template, template: "{% set ns = namespace(a=1) %}{% set ns.b = inputs.evil %}{{ dict(inputs.evil or {}, z=1) | tojson }}"}',
  ];
  await server.weft.workflows.publish(`name: open\nsteps:\n${steps.join("\n")}\n`);
  await server.weft.workflows.publish(
    "name: waits\nsteps:\n  - {id: s, type: wait, signal: go}\n  - {id: ok, type: approval, depends_on: [s]}\n",
  );
});
afterAll(async () => {
  await server.close();
  expectClean();
});

const EVIL = [
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"prototype":{"polluted":1}}',
  '{"__proto__":{"__proto__":{"polluted":1}}}',
  '{"a":{"__proto__":[{"polluted":1}]}}',
  '{"\\u005f_proto__":{"polluted":1}}',
  '{"__proto__":null}',
  '{"toString":1,"hasOwnProperty":1,"valueOf":null,"toJSON":"x"}',
  '{"__defineGetter__":{"polluted":1},"__proto__":{"isAdmin":true}}',
];

test.each(EVIL)(
  "A25 %s as inputs, metadata, form, payload and member of a body is data and nothing more",
  async (evil) => {
    const answer = await server.json(
      "POST",
      "/api/runs?wait=1",
      `{"workflow":"open","inputs":{"evil":${evil},"b":${evil}},"metadata":${evil}}`,
    );
    expect(answer.status).toBe(202);
    const { id } = JSON.parse(answer.text) as { id: string };
    const ended = await server.weft.runs.wait(id, { timeoutMs: 10_000 });
    expect(["succeeded", "failed"]).toContain(ended?.status);
    expectClean();
    // Whole bodies made of it, and members in its name.
    for (const [method, path] of [
      ["POST", "/api/runs"],
      ["POST", `/api/runs/${id}/rerun`],
      ["POST", `/api/runs/${id}/retry`],
      ["POST", `/api/runs/${id}/cancel`],
      ["POST", `/api/runs/${id}/signals`],
      ["POST", `/api/runs/${id}/approve`],
    ] as const) {
      const told = await server.json(method, path, evil);
      expect(told.status, `${path} ${told.text}`).toBeGreaterThanOrEqual(400);
      expect(told.status).toBeLessThan(500);
    }
    const { run } = await server.weft.runs.start({ workflow: "waits" });
    await expect.poll(async () => (await server.weft.runs.get(run.id))?.waiting_for?.step).toBe("s");
    expect((await server.json("POST", `/api/runs/${run.id}/signals`, `{"name":"go","payload":${evil}}`)).status).toBe(
      202,
    );
    await expect.poll(async () => (await server.weft.runs.get(run.id))?.waiting_for?.step).toBe("ok");
    expect((await server.json("POST", `/api/runs/${run.id}/approve`, `{"step":"ok","form":${evil}}`)).status).toBe(202);
    expect(await server.weft.runs.wait(run.id, { timeoutMs: 10_000 })).toMatchObject({ status: "succeeded" });
    expectClean();
  },
);

test("A25 inputs come back as they were sent, the three names included", async () => {
  const inputs = '{"__proto__":{"polluted":1},"constructor":{"prototype":2},"x":1}';
  const answer = await server.json("POST", "/api/runs", `{"workflow":"open","inputs":${inputs}}`);
  const { id } = JSON.parse(answer.text) as { id: string };
  await server.weft.runs.wait(id, { timeoutMs: 10_000 });
  const { text } = await server.ask("GET", `/api/runs/${id}`);
  expect(text).toContain('"__proto__":{"polluted":1}');
  expectClean();
});

test("A25 defaults of inputs under inherited names are members of their own, and nothing is inherited", async () => {
  const schema =
    '{"type":"object","properties":{"toString":{"default":"mine"},"valueOf":{"default":2},"n":{"default":1}}}';
  const source = `{"name":"defaults","inputs":${schema},"steps":[{"id":"a","type":"answer","input":"x"}]}`;
  expect((await server.json("PUT", "/api/workflows", source)).status).toBe(201);
  const { run } = await server.weft.runs.start({ workflow: "defaults" });
  const { text } = await server.ask("GET", `/api/runs/${run.id}`);
  expect(text).toContain('"inputs":{"toString":"mine","valueOf":2,"n":1}');
  expectClean();
});

test.each([
  "__proto__[polluted]=1",
  "__proto__.polluted=1",
  "constructor[prototype][polluted]=1",
  "status=failed&__proto__=1",
  "limit=1&constructor=2",
  "status[]=failed",
  "status[__proto__]=failed",
  "__proto__=x",
])("A25 the query ?%s is refused", async (query) => {
  const answer = await server.ask("GET", `/api/runs?${query}`);
  expect(answer.status).toBe(400);
  expectClean();
});

test.each([
  "name: evil\n__proto__: {polluted: 1}\nsteps: [{id: a, type: answer}]\n",
  "name: evil\nenv: {__proto__: {polluted: 1}}\nsteps: [{id: a, type: answer}]\n",
  "name: evil\nenv: &a {polluted: 1}\nx-b: {<<: {__proto__: *a}}\nsteps: [{id: a, type: answer}]\n",
  "name: evil\nsteps: [{id: __proto__, type: answer}]\n",
  "name: evil\nsteps: [{id: constructor, type: answer, input: '{{ steps.constructor.output }}'}]\n",
  "name: evil\nsteps: [{id: a, type: __proto__}]\n",
  "name: evil\nsteps: [{id: a, type: constructor}]\n",
  "name: evil\nsteps: [{id: s, type: switch, cases: [{name: __proto__, when: 'true'}]}]\n",
  "name: evil\nsteps: [{id: g, type: assign, variables: {__proto__: {polluted: 1}}}]\n",
  "name: evil\nsteps: [{id: g, type: assign, variables: {constructor: {prototype: 1}}}]\n",
  "name: evil\noutputs: {__proto__: x}\nsteps: [{id: a, type: answer}]\n",
])("A25 the workflow %j cannot be published", async (source) => {
  const answer = await server.yaml("PUT", "/api/workflows", source);
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([422, { code: "invalid_workflow" }]);
  expectClean();
});

test.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"])(
  "A25 %s names no run, workflow, version or task",
  async (name) => {
    for (const path of [
      `/api/runs/${name}`,
      `/api/runs/${name}/events`,
      `/api/tasks/${name}`,
      `/api/workflows/${name}`,
      `/api/workflows/${name}/versions`,
      `/api/workflows/open?version=${name}`,
    ])
      expect([path, (await server.ask("GET", path)).status]).toEqual([path, 404]);
    const run = await server.json("POST", "/api/runs", { workflow: name });
    expect(run.status).toBe(404);
  },
);

test("A25 headers in their names are headers", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request(
      {
        host: "127.0.0.1",
        port: server.port,
        path: "/livez",
        headers: { ["__proto__"]: "1", constructor: "x", prototype: "y" },
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    )
      .on("error", reject)
      .end();
  });
  expect(status).toBe(200);
  expectClean();
});
