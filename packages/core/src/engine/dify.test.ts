import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../base/json.ts";
import { app, code, end, inputOf, start, when, type Node } from "./dify.testing.ts";
import { difyStatus, exceptionsCount } from "./dify-view.ts";
import { done, fails, HOLD, runs, runsAgain, World, type Call } from "./run.testing.ts";

describe("readiness and skipping", () => {
  const diamond = app(
    [
      start,
      [
        "if",
        "if-else",
        { cases: [{ case_id: "yes", logical_operator: "and", conditions: [when(["sys", "go"], "is", "y")] }] },
      ],
      code("a"),
      code("b"),
      code("c"),
      end({ a: ["a", "v"], b: ["b", "v"], c: ["c", "v"] }),
    ],
    "s>if if:yes>a if:false>b a>c b>c c>e",
  );

  test("a join waits for the branches that are still possible, and runs once", () => {
    const world = runs(diamond, { inputs: { "sys.go": "y" }, does: { "*": ({ node }) => done({ v: node }) } });
    expect(world.called).toEqual(["a", "c"]);
    expect(world.output).toEqual({ a: "a", b: null, c: "c" });
    expect(world.statusOf("b")).toBe("skipped");
  });

  test("what stands behind skipped nodes alone is skipped with them", () => {
    const text = app(
      [
        start,
        ["if", "if-else", { cases: [{ case_id: "yes", conditions: [when(["sys", "go"], "is", "y")] }] }],
        code("a"),
        code("b"),
        end({ x: ["b", "v"] }),
      ],
      "s>if if:yes>a a>b b>e",
    );
    const world = runs(text, { inputs: { "sys.go": "n" } });
    expect(world.output).toEqual({});
    expect(world.called).toEqual([]);
    expect(difyStatus(world.state)).toBe("succeeded");
  });

  test("a reference orders nothing: a node that has not run yet is not found", () => {
    const text = app(
      [
        start,
        code("slow"),
        code("fast", { variables: [{ variable: "x", value_selector: ["slow", "v"] }] }),
        end({ got: ["fast", "v"] }),
      ],
      "s>slow s>fast fast>e",
    );
    const world = runs(text, { does: { slow: HOLD, fast: (call) => done({ v: inputOf(call, "x") }) } });
    expect(world.statusOf("e")).toBe("succeeded");
    expect(world.valueOf("e")).toEqual({ got: null });
  });

  test("nodes that nothing leads to, and those behind them, never run", () => {
    const text = app([start, code("lost"), code("behind"), end({ x: ["s", "sys.query"] })], "s>behind lost>behind s>e");
    expect(runs(text, { inputs: { "sys.query": "q" } }).output).toEqual({ x: "q" });
  });

  test("of several triggers one begins; the branches of the others are skipped", () => {
    const text = app(
      [
        ["t1", "trigger-schedule"],
        ["t2", "trigger-webhook"],
        code("a"),
        code("b"),
        end({ a: ["a", "v"], b: ["b", "v"] }),
      ],
      "t1>a t2>b a>e b>e",
    );
    const world = runs(text, { does: { "*": ({ node }) => done({ v: node }) } });
    expect(world.output).toEqual({ a: "a", b: null });
    const other = runs(text, { inputs: { "sys.root": "t2" }, does: { "*": ({ node }) => done({ v: node }) } });
    expect(other.output).toEqual({ a: null, b: "b" });
  });

  test("a node that cannot be done here fails the run that comes to it, with the reason, and no other", () => {
    const text = app(
      [
        start,
        ["if", "if-else", { cases: [{ case_id: "yes", conditions: [when(["sys", "go"], "is", "y")] }] }],
        ["k", "knowledge-retrieval-v9"],
        end({}),
      ],
      "s>if if:yes>k if:false>e",
    );
    expect(runs(text, { inputs: { "sys.go": "n" } }).state.status).toBe("succeeded");
    const world = runs(text, { inputs: { "sys.go": "y" } });
    expect(world.state.failure).toMatchObject({ code: "NODE_NOT_AVAILABLE" });
    expect(world.state.failure!.message).toContain("knowledge-retrieval-v9");
  });
});

describe("failures", () => {
  const retry = { retry_config: { retry_enabled: true, max_retries: 1, retry_interval: 200 } };
  const single = (data: object, edges = "s>a a>e"): string =>
    app(
      [start, code("a", data), end({ v: ["a", "v"], type: ["a", "error_type"], message: ["a", "error_message"] })],
      edges,
    );

  test("without a strategy the run fails", () => {
    expect(difyStatus(runs(single({}), { does: { a: fails() } }).state)).toBe("failed");
  });

  test("nothing is tried again unless the node says so", () => {
    const world = runs(single({}), { does: { a: fails("MODEL_UNAVAILABLE", { retryable: true }) } });
    expect(world.called).toEqual(["a"]);
  });

  test("a retry that works leaves the run partial-succeeded", () => {
    const does = { a: ({ attempt }: Call) => (attempt === 1 ? fails() : done({ v: 1 })) };
    const world = runs(single(retry), { does });
    expect(world.types("task_retried")).toHaveLength(1);
    expect([difyStatus(world.state), exceptionsCount(world.state)]).toEqual(["partial-succeeded", 1]);
    expect(world.output).toEqual({ v: 1, type: null, message: null });
  });

  test("retries come before the strategy, each after the same pause", () => {
    const world = runs(
      single({ retry_config: { ...retry.retry_config, max_retries: 3 }, error_strategy: "default-value" }),
      { does: { a: fails() } },
    );
    const pauses = world.decisions.flatMap(({ at, events }) =>
      events.flatMap((event) => (event.type === "task_retried" ? [event.dueAt - at] : [])),
    );
    expect(pauses).toEqual([200, 200, 200]);
    expect(exceptionsCount(world.state)).toBe(4);
  });

  test("old keys of the retry settings mean none", () => {
    const old = { retry_config: { enabled: true, max_retries: 5, exponential_backoff: { enabled: true } } };
    expect(runs(single(old), { does: { a: fails() } }).called).toHaveLength(1);
  });

  test("a default value stands for the outputs, beside the error", () => {
    const values = {
      error_strategy: "default-value",
      default_value: [{ key: "v", type: "array[number]", value: "[1, 2]" }],
    };
    const world = runs(single(values), { does: { a: fails("CODE_X") } });
    expect(world.output).toEqual({ v: [1, 2], type: "CODE_X", message: "it failed with CODE_X" });
    expect(difyStatus(world.state)).toBe("partial-succeeded");
  });

  const branching = app(
    [
      start,
      code("a", { error_strategy: "fail-branch" }),
      end({ v: ["a", "v"] }, "good"),
      end({ why: ["a", "error_message"] }, "bad"),
    ],
    "s>a a:source>good a:success-branch>good a:fail-branch>bad",
  );

  test("a fail branch is taken when the node fails", () => {
    expect(runs(branching, { does: { a: fails("X") } }).output).toEqual({ why: "it failed with X" });
  });

  test("and not when it works, by whatever name the other edge has", () => {
    const world = runs(branching, { does: { a: done({ v: 1 }) } });
    expect(world.output).toEqual({ v: 1 });
    expect(difyStatus(world.state)).toBe("succeeded");
  });

  test("a failure that names its kind is known by it", () => {
    const failed: ReturnType<typeof fails> = {
      type: "failed",
      failure: {
        code: "REQUEST_STATUS",
        message: "no",
        retryable: false,
        details: { error_type: "HTTPResponseCodeError" },
      },
    };
    const world = runs(single({ error_strategy: "default-value" }), { does: { a: failed } });
    expect(world.output).toMatchObject({ type: "HTTPResponseCodeError" });
  });

  test("a condition on what is not there fails its node", () => {
    const text = app(
      [
        start,
        ["if", "if-else", { cases: [{ case_id: "yes", conditions: [when(["s", "nothing"], "exists", "")] }] }],
        end({}),
      ],
      "s>if if:yes>e",
    );
    expect(runs(text).state.failure!.message).toContain("Variable ['s', 'nothing'] not found");
  });
});

describe("values", () => {
  test("an aggregator takes the first that is there; null and empty text are there", () => {
    const text = app(
      [
        start,
        code("a"),
        [
          "agg",
          "variable-aggregator",
          {
            variables: [
              ["skipped", "v"],
              ["a", "none"],
              ["a", "empty"],
              ["a", "v"],
            ],
          },
        ],
        end({ x: ["agg", "output"] }),
      ],
      "s>a a>agg agg>e",
    );
    expect(runs(text, { does: { a: done({ empty: "", v: 1 }) } }).output).toEqual({ x: "" });
    expect(runs(text, { does: { a: done({ none: null, v: 1 }) } }).output).toEqual({ x: null });
    expect(runs(text, { does: { a: done({}) } }).valueOf("agg")).toEqual({});
  });

  test("a group without a value is left out", () => {
    const groups = [
      { group_name: "G1", variables: [["a", "v"]] },
      { group_name: "G2", variables: [["a", "nothing"]] },
    ];
    const text = app(
      [
        start,
        code("a"),
        ["agg", "variable-aggregator", { advanced_settings: { group_enabled: true, groups } }],
        end({ x: ["agg", "G1", "output"], y: ["agg", "G2", "output"] }),
      ],
      "s>a a>agg agg>e",
    );
    const world = runs(text, { does: { a: done({ v: 1 }) } });
    expect(world.valueOf("agg")).toEqual({ G1: { output: 1 } });
    expect(world.output).toEqual({ x: 1, y: null });
  });

  test("the lines of an assigner see those before them, and a failing line undoes all", () => {
    const line = (operation: string, value: Json): object => ({
      variable_selector: ["conversation", "n"],
      input_type: "constant",
      operation,
      value,
    });
    const chat = (items: readonly object[]): string =>
      app(
        [
          start,
          ["set", "assigner", { version: "2", items, error_strategy: "default-value" }],
          ["say", "answer", { answer: "{{#conversation.n#}}" }],
        ],
        "s>set set>say",
        { conversation_variables: [{ name: "n", value_type: "number", value: 1 }] },
        "advanced-chat",
      );
    expect(runs(chat([line("+=", 2), line("*=", 10)])).output).toMatchObject({ answer: "30" });
    expect(runs(chat([line("+=", 2), line("/=", 0)])).output).toMatchObject({ answer: "1" });
  });

  test("later ends win where names are equal, in the order they are reached", () => {
    const text = app(
      [
        start,
        code("slow"),
        end({ x: ["s", "sys.query"] }, "first"),
        end({ x: ["slow", "v"], y: ["slow", "v"] }, "second"),
      ],
      "s>slow s>first slow>second",
    );
    expect(runs(text, { inputs: { "sys.query": "q" }, does: { slow: done({ v: 2 }) } }).output).toEqual({ x: 2, y: 2 });
  });

  test("a text that cannot be read as Jinja fails its node, and nothing before it", () => {
    const text = app([start, ["t", "template-transform", { template: "{% if %}", variables: [] }], end({})], "s>t t>e");
    // The world of these tests renders as executors do, and does not turn what is thrown into an outcome.
    expect(() => runs(text)).toThrow("'if' is not closed");
    expect(new World(text).start().statusOf("s")).toBe("succeeded");
  });

  test("a classifier goes on by the class it names", () => {
    const classes = [
      { id: "1", name: "one" },
      { id: "2", name: "two" },
    ];
    const text = app(
      [
        start,
        ["c", "question-classifier", { query_variable_selector: ["sys", "query"], model: { name: "m" }, classes }],
        end({ x: ["c", "class_name"] }, "one"),
        end({ y: ["c", "class_name"] }, "two"),
      ],
      "s>c c:1>one c:2>two",
    );
    const world = runs(text, {
      inputs: { "sys.query": "q" },
      does: {
        c: ({ config }) =>
          done({ class_id: "2", class_name: (config["classes"] as readonly JsonObject[])[1]!["name"]! }),
      },
    });
    expect(world.output).toEqual({ y: "two" });
  });
});

describe("the journal", () => {
  test("what an end or answer gives stays in memory until the run ends", () => {
    const { plan } = new World(app([start, ["a", "answer", { answer: "x" }], end({})], "s>a a>e"));
    expect(plan.bodies[0]!.nodes.map(({ id, readByControl }) => [id, readByControl])).toEqual([
      ["s", false],
      ["a", true],
      ["e", true],
    ]);
  });

  test("a rerun takes over what was answered before its node", () => {
    const text = app(
      [start, ["one", "answer", { answer: "1" }], code("a"), ["two", "answer", { answer: "{{#a.v#}}" }]],
      "s>one one>a a>two",
      {},
      "advanced-chat",
    );
    const before = runs(text, { does: { a: done({ v: "x" }) } });
    expect(before.output).toEqual({ answer: "1x", files: [] });
    expect(runsAgain(before, "root", "a", { does: { a: done({ v: "y" }) } }).output).toEqual({
      answer: "1y",
      files: [],
    });
  });

  test("loop variables survive a recovery after every row", () => {
    const text = app(
      [
        start,
        [
          "lo",
          "loop",
          {
            loop_count: 4,
            start_node_id: "go",
            break_conditions: [],
            loop_variables: [{ label: "n", var_type: "number", value_type: "constant", value: 0 }],
          },
        ],
        ["go", "loop-start", {}, "lo"],
        [
          "add",
          "assigner",
          {
            version: "2",
            items: [{ variable_selector: ["lo", "n"], input_type: "constant", operation: "+=", value: 1 }],
          },
          "lo",
        ],
        ["w", "code", { variables: [{ variable: "x", value_selector: ["lo", "n"] }] }, "lo"],
        end({ n: ["lo", "n"] }),
      ],
      "s>lo go>add add>w lo>e",
    );
    const world = runs(text, { recoverEvery: 1, inlineMax: 0, does: { w: (call) => done({ v: inputOf(call, "x") }) } });
    expect(world.output).toEqual({ n: 4 });
    expect(world.calls.map((call) => inputOf(call, "x"))).toEqual([1, 2, 3, 4]);
  });

  test("a paused run is paused, and goes on by a button that the question has", () => {
    const asks: Node = [
      "h",
      "human-input",
      {
        form_content: "Say {{#$output.why#}}",
        user_actions: [
          { id: "ok", title: "OK" },
          { id: "no", title: "No" },
        ],
        inputs: [{ type: "text-input", output_variable_name: "why" }],
      },
    ];
    const text = app(
      [start, asks, end({ why: ["h", "why"], shown: ["h", "__rendered_content"], button: ["h", "__action_value"] })],
      "s>h h:ok>e",
    );
    const world = new World(text).start();
    expect(difyStatus(world.state)).toBe("paused");
    const answer = {
      type: "approval_decided",
      scope: "root",
      node: "h",
      approved: true,
      by: null,
      form: { why: "because" },
    } as const;
    expect(world.input({ ...answer, id: "1", action: "unknown" })).toEqual([]);
    world.input({ ...answer, id: "2", action: "ok" });
    expect(world.output).toEqual({ why: "because", shown: "Say because", button: "OK" });
  });
});
