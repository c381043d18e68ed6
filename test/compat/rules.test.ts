import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportDify, importDify, type AppError, type Json, type JsonObject } from "@weftwork/core";
import type { Run } from "@weftwork/sdk";
import { app, code, end, start, when, type Node } from "../../packages/core/src/engine/dify.testing.ts";
import { service } from "../../packages/server/src/nodes/http-service.testing.ts";
import { openWeft } from "../../packages/server/src/index.ts";
import { compatBench, type CompatBench } from "./bench.ts";

/** Rules of imported files where they meet the server: what is stored, what is hidden, files, limits, tools. */
let bench: CompatBench;
beforeAll(async () => void (bench = await compatBench()));
afterAll(() => bench.close());

const field = (variable: string, type: string, more: object = {}): object => ({
  variable,
  type,
  required: true,
  ...more,
});
const form = (...variables: readonly object[]): Node => ["s", "start", { variables }];
const template = (id: string, text: string, variables: Readonly<Record<string, readonly string[]>>): Node => [
  id,
  "template-transform",
  {
    template: text,
    variables: Object.entries(variables).map(([variable, value_selector]) => ({ variable, value_selector })),
  },
];
const outputs = async (source: string, inputs: JsonObject = {}): Promise<Json> => {
  const { run } = await bench.run(source, inputs);
  expect(run.error).toBeNull();
  return run.outputs;
};

describe("a published file", () => {
  const source = app([start, end({})], "s>e");

  test("is kept as its author wrote it, and is the same version when it is published again", async () => {
    const { workflows } = bench.composition.engine;
    const first = await workflows.publish(source);
    expect((await workflows.publish(source)).version).toBe(first.version);
    const kept = await workflows.describe(first.name);
    expect(kept?.source).toBe(source);
    const { document } = importDify(kept!.source);
    expect(importDify(exportDify(document)).document).toEqual(document);
  });

  test("is refused with all that is wrong, each at its place", async () => {
    const broken = app(
      [start, ["if", "if-else", { cases: [{ case_id: "true", conditions: [when(["s", "x"], "is empty", "")] }] }]],
      "s>if if>gone",
    );
    const error = (await bench.composition.engine.workflows
      .publish(broken)
      .catch((thrown: unknown) => thrown)) as AppError;
    expect(error.code).toBe("INVALID_WORKFLOW");
    const problems = error.details["problems"] as readonly JsonObject[];
    expect(problems.filter(({ severity }) => severity === "error").map(({ code: one }) => one)).toEqual([
      "unknown_operator",
      "unknown_node",
    ]);
  });

  test("says itself how it is called, where it begins, and whose limits hold", async () => {
    const own = { weftwork: { name: "mine", root: "second", limits: "dify" } };
    const triggers: readonly Node[] = [
      ["first", "trigger-schedule", {}],
      ["second", "trigger-schedule", {}],
      template("a", "first", {}),
      template("b", "second", {}),
      end({ a: ["a", "output"], b: ["b", "output"] }),
    ];
    const text = JSON.stringify({ ...(JSON.parse(app(triggers, "first>a second>b a>e b>e")) as object), ...own });
    const { run } = await bench.run(text, {});
    expect([run.workflow, run.outputs]).toEqual(["mine", { a: null, b: "second" }]);
  });
});

test("secrets of a file reach what is sent, and nothing that is kept", async () => {
  const seen: (string | undefined)[] = [];
  const to = await service((request, response) => {
    seen.push(request.headers["authorization"]);
    response.end(`you sent ${request.headers["authorization"]}`);
  });
  const open = await compatBench({ realHttp: [to.target] });
  const secret = "sk-0123456789abcdef";
  const source = app(
    [
      start,
      ["if", "if-else", { cases: [{ case_id: "true", conditions: [when(["env", "KEY"], "is", secret)] }] }],
      [
        "ask",
        "http-request",
        { method: "get", url: `${to.url}/`, headers: "authorization: Bearer {{#env.KEY#}}", body: { type: "none" } },
      ],
      template("shown", "{{ key }}", { key: ["env", "KEY"] }),
      end({ body: ["ask", "body"], shown: ["shown", "output"], key: ["env", "KEY"] }),
    ],
    "s>if if:true>ask ask>shown shown>e",
    { environment_variables: [{ name: "KEY", value: secret, value_type: "secret" }] },
  );
  const { run, messages } = await open.run(source, {});
  await open.close();
  expect(seen).toEqual([`Bearer ${secret}`]);
  expect(run.outputs).toEqual({ body: "you sent Bearer ***", shown: "***", key: "***" });
  expect(JSON.stringify([run, messages])).not.toContain(secret);
});

test("secrets that a file leaves empty are those of the server, and go where they may", async () => {
  const to = await service((request, response) => void response.end(`you sent ${request.headers["x-key"]}`));
  const secret = "sk-0123456789abcdef";
  const weft = await openWeft({ httpAllow: [to.target], environment: { WEFT_SECRET_KEY: secret } });
  const ask = (id: string, url: string): Node => [
    id,
    "http-request",
    { method: "get", url, headers: "x-key: {{#env.KEY#}}", body: { type: "none" } },
  ];
  const text = (url: string): string =>
    app([form(field("where", "text-input")), ask("ask", url), end({ body: ["ask", "body"] })], "s>ask ask>e", {
      environment_variables: [{ name: "KEY", value: "", value_type: "secret" }],
    });
  const run = async (source: string): Promise<Run> => {
    const { name, version } = await weft.workflows.publish(source);
    const started = await weft.runs.start({ workflow: name, version, inputs: { where: to.url } });
    return (await weft.runs.wait(started.run.id))!;
  };
  const written = await run(text(`${to.url}/`));
  const computed = await run(text("{{#s.where#}}/"));
  await weft.close();
  expect(to.requests.map(({ headers }) => headers["x-key"])).toEqual([secret]);
  expect(written.outputs).toEqual({ body: "you sent ***" });
  // Its author has not written out where it goes.
  expect(computed.error?.code).toBe("SECRET_NOT_ALLOWED");
});

describe("files", () => {
  test("of the store and addresses come to nodes as Dify's files", async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("words");
    }
    const { value } = await bench.composition.files.put({ name: "a.txt", mimeType: "text/plain" }, bytes());
    const source = app(
      [
        form(field("one", "file"), field("many", "file-list")),
        ["text", "document-extractor", { variable_selector: ["s", "one"], is_array_file: false }],
        [
          "images",
          "list-operator",
          {
            variable: ["s", "many"],
            filter_by: { enabled: true, conditions: [{ key: "type", comparison_operator: "in", value: ["image"] }] },
          },
        ],
        end({ text: ["text", "text"], name: ["s", "one", "name"], images: ["images", "result"] }),
      ],
      "s>text text>images images>e",
    );
    const far = { type: "image", transfer_method: "remote_url", url: "https://files.example.com/b.png" };
    const given = await outputs(source, { one: { ...value }, many: [{ ...value }, far] });
    expect(given).toMatchObject({
      text: "words",
      name: "a.txt",
      images: [{ dify_model_identity: "__dify__file__", type: "image", filename: "b.png", remote_url: far.url }],
    });
  });

  test("that are none are refused before the run", async () => {
    const source = app([form(field("one", "file")), end({})], "s>e");
    await expect(bench.run(source, { one: "text" })).rejects.toThrow("one in input form must be a file");
  });
});

describe("tools", () => {
  const tool = (id: string, provider_type: string, provider_id: string, tool_name: string, more: object = {}): Node => [
    id,
    "tool",
    {
      provider_type,
      provider_id,
      provider_name: provider_id,
      tool_name,
      tool_configurations: {},
      tool_parameters: {},
      ...more,
    },
  ];

  test("that are built in or published here are found under the names of the file", async () => {
    const weft = await openWeft();
    await weft.workflows.publish(
      app([form(field("x", "text-input")), end({ said: ["s", "x"] })], "s>e").replace('"test"', '"inner"'),
    );
    const parameters = { x: { type: "mixed", value: "from {{#now.weekday#}}" } };
    const source = app(
      [
        start,
        tool("now", "builtin", "langgenius/time/time", "current_time", {
          tool_configurations: { timezone: { type: "constant", value: "Asia/Shanghai" }, format: "%Y/%m/%d" },
        }),
        tool("inner", "workflow", "4b7c", "inner", { tool_parameters: parameters }),
        end({ text: ["now", "text"], zone: ["now", "timezone"], said: ["inner", "said"] }),
      ],
      "s>now now>inner inner>e",
    );
    const { name } = await weft.workflows.publish(source);
    const { run } = await weft.runs.start({ workflow: name, inputs: {} });
    const ended = await weft.runs.wait(run.id);
    await weft.close();
    expect(ended?.error).toBeNull();
    expect(ended?.outputs).toEqual({
      text: expect.stringMatching(/^\d{4}\/\d{2}\/\d{2}$/),
      zone: "Asia/Shanghai",
      said: expect.stringMatching(/^from \w+day$/),
    });
  });

  test("that are not set up fail with the name that is missing, and its kind", async () => {
    const weft = await openWeft();
    const { name } = await weft.workflows.publish(
      app([start, tool("t", "builtin", "org/wiki/wiki", "search"), end({})], "s>t t>e"),
    );
    const { run } = await weft.runs.start({ workflow: name, inputs: {} });
    const ended = await weft.runs.wait(run.id);
    await weft.close();
    expect(ended?.error).toMatchObject({ code: "TOOL_NOT_FOUND", details: { error_type: "ToolInvokeError" } });
    expect(ended?.error?.message).toContain("wiki/search");
  });
});

describe("limits", () => {
  const many = app(
    [
      start,
      code("c", {
        code_language: "javascript",
        code: "function main() { return { list: Array(31).fill('a') }; }",
        outputs: { list: { type: "array[string]" } },
      }),
      end({ list: ["c", "list"] }),
    ],
    "s>c c>e",
  );

  test("of ours take long lists", async () => {
    expect(((await outputs(many)) as { list: readonly string[] }).list).toHaveLength(31);
  });

  test("of Dify's are held where a file asks for them, and the failure has its kind", async () => {
    const { run } = await bench.run(
      JSON.stringify({ ...(JSON.parse(many) as object), weftwork: { limits: "dify" } }),
      {},
    );
    expect(run.error).toMatchObject({ details: { error_type: "OutputValidationError" } });
    expect(run.error?.message).toContain("must be less than 30 elements");
  });
});

describe("a request that its service refuses", () => {
  const asking = (url: string, more: object): string =>
    app(
      [
        start,
        ["ask", "http-request", { method: "get", url, headers: "", body: { type: "none" }, ...more }],
        end({ status: ["ask", "status_code"] }, "good"),
        end({ type: ["ask", "error_type"], message: ["ask", "error_message"] }, "bad"),
      ],
      "s>ask ask>good ask:fail-branch>bad",
    );
  const retry_config = { retry_enabled: true, max_retries: 3, retry_interval: 10 };

  test.each<[string, object, number, Json, object]>([
    ["is an answer like any other", {}, 1, { status: 500 }, { status: "succeeded", exceptions_count: 0 }],
    [
      "is asked again, and then goes by its error branch",
      { retry_config, error_strategy: "fail-branch" },
      4,
      { type: "HTTPResponseCodeError", message: "Request failed with status code 500" },
      { status: "partial-succeeded", exceptions_count: 4 },
    ],
  ])("%s", async (_, more, times, output, dify) => {
    const to = await service((_request, response) => void response.writeHead(500).end("no"));
    const weft = await openWeft({ httpAllow: [to.target] });
    const { name } = await weft.workflows.publish(asking(`${to.url}/`, more));
    const { run } = await weft.runs.start({ workflow: name, inputs: {} });
    const ended = await weft.runs.wait(run.id);
    await weft.close();
    expect(to.requests).toHaveLength(times);
    expect(ended?.outputs).toEqual(output);
    expect(ended?.dify).toEqual(dify);
  });

  test("and a repeat that works counts as a failure that was handled", async () => {
    let calls = 0;
    const to = await service((_request, response) => void response.writeHead(++calls === 1 ? 500 : 200).end("x"));
    const weft = await openWeft({ httpAllow: [to.target] });
    const { name } = await weft.workflows.publish(asking(`${to.url}/`, { retry_config }));
    const { run } = await weft.runs.start({ workflow: name, inputs: {} });
    const ended = await weft.runs.wait(run.id);
    await weft.close();
    expect([ended?.outputs, ended?.dify]).toEqual([
      { status: 200 },
      { status: "partial-succeeded", exceptions_count: 1 },
    ]);
  });
});

test("an error branch reads the kind of a failure of code", async () => {
  const failing = code("c", {
    code_language: "javascript",
    code: "function main() { throw new Error('no'); }",
    outputs: {},
    error_strategy: "fail-branch",
  });
  const source = app([start, failing, end({ type: ["c", "error_type"] })], "s>c c:fail-branch>e");
  const { run } = await bench.run(source, {});
  expect(run.outputs).toEqual({ type: "CodeExecutionError" });
  expect(run.dify).toEqual({ status: "partial-succeeded", exceptions_count: 1 });
});
