import { describe, expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import { app, code, end, inputOf, start, when, type Node } from "./dify.testing.ts";
import { difyStatus } from "./dify-view.ts";
import { done, fails, runs, type WorldOptions } from "./run.testing.ts";

describe("iteration", () => {
  const iterate = (data: object, inner: readonly Node[], edges: string, outer: readonly Node[] = []): string =>
    app(
      [
        start,
        code("list"),
        [
          "it",
          "iteration",
          { iterator_selector: ["list", "v"], output_selector: ["in", "v"], start_node_id: "go", ...data },
        ],
        ["go", "iteration-start", {}, "it"],
        ...inner,
        ...outer,
        end({ out: ["it", "output"] }),
      ],
      `s>list list>it ${edges} it>e`,
    );
  const plain = (data: object): string =>
    iterate(
      data,
      [
        code(
          "in",
          {
            variables: [
              { variable: "x", value_selector: ["it", "item"] },
              { variable: "i", value_selector: ["it", "index"] },
            ],
          },
          "it",
        ),
      ],
      "go>in",
    );
  const items = (list: Json, inner: NonNullable<WorldOptions["does"]>[string]): WorldOptions => ({
    does: { list: done({ v: list }), in: inner },
  });

  test("gives each item with its position, and the results in order", () => {
    const world = runs(
      plain({ is_parallel: true, parallel_nums: 2 }),
      items(["a", "b", "c"], (call) => done({ v: `${String(inputOf(call, "x"))}${String(inputOf(call, "i"))}` })),
    );
    expect(world.output).toEqual({ out: ["a0", "b1", "c2"] });
  });

  test.each([[[]], [null]])("of %o there is nothing to do", (list) => {
    const world = runs(plain({}), items(list, fails()));
    expect(world.output).toEqual({ out: [] });
    expect(world.called).toEqual(["list"]);
  });

  test("what is no list fails", () => {
    expect(runs(plain({}), items("text", done({}))).state.failure!.message).toContain("please provide a list");
  });

  test.each([
    ["terminated", "failed", null],
    ["continue-on-error", "partial-succeeded", { out: [null, null] }],
    ["remove-abnormal-output", "partial-succeeded", { out: [] }],
  ])("when every item fails, %s is %s", (error_handle_mode, status, output) => {
    const world = runs(plain({ error_handle_mode }), items(["a", "b"], fails()));
    expect([difyStatus(world.state), world.output]).toEqual([status, output]);
  });

  test("lists are put together unless the file says no", () => {
    const twice: WorldOptions = items([1, 2], (call) => done({ v: [inputOf(call, "x"), 0] }));
    expect(runs(plain({}), twice).output).toEqual({ out: [1, 0, 2, 0] });
    expect(runs(plain({ flatten_output: false }), twice).output).toEqual({
      out: [
        [1, 0],
        [2, 0],
      ],
    });
  });

  test("a value that is not there is null in the list", () => {
    expect(runs(plain({}), items([1, 2], done({ other: 1 }))).output).toEqual({ out: [null, null] });
  });

  test("an old file without an entry node begins at the node it names", () => {
    const text = app(
      [
        start,
        code("list"),
        ["it", "iteration", { iterator_selector: ["list", "v"], output_selector: ["in", "v"], start_node_id: "in" }],
        code("in", { isIterationStart: true, iteration_id: "it", isInIteration: true }),
        end({ out: ["it", "output"] }),
      ],
      "s>list list>it it>e",
    );
    expect(runs(text, items([1, 2], done({ v: 7 }))).output).toEqual({ out: [7, 7] });
  });

  test("iterations stand in each other, and the inner one sees the item of the outer", () => {
    const text = app(
      [
        start,
        code("list"),
        [
          "it",
          "iteration",
          {
            iterator_selector: ["list", "v"],
            output_selector: ["it2", "output"],
            start_node_id: "go",
            flatten_output: false,
          },
        ],
        ["go", "iteration-start", {}, "it"],
        [
          "it2",
          "iteration",
          { iterator_selector: ["it", "item"], output_selector: ["in", "output"], start_node_id: "go2" },
          "it",
        ],
        ["go2", "iteration-start", {}, "it2"],
        [
          "in",
          "template-transform",
          {
            template: "{{ a }}{{ b }}",
            variables: [
              { variable: "a", value_selector: ["it", "index"] },
              { variable: "b", value_selector: ["it2", "item"] },
            ],
          },
          "it2",
        ],
        end({ out: ["it", "output"] }),
      ],
      "s>list list>it go>it2 go2>in it>e",
    );
    const world = runs(text, { does: { list: done({ v: [["x", "y"], ["z"]] }) } });
    expect(world.output).toEqual({ out: [["0x", "0y"], ["1z"]] });
  });

  test("a variable of the conversation set by an item is seen by all that follow", () => {
    const text = app(
      [
        start,
        [
          "it",
          "iteration",
          { iterator_selector: ["conversation", "list"], output_selector: ["it", "item"], start_node_id: "go" },
        ],
        ["go", "iteration-start", {}, "it"],
        [
          "set",
          "assigner",
          {
            version: "2",
            items: [
              {
                variable_selector: ["conversation", "seen"],
                input_type: "variable",
                operation: "append",
                value: ["it", "item"],
              },
            ],
          },
          "it",
        ],
        ["say", "answer", { answer: "{{#conversation.seen#}}" }],
      ],
      "s>it go>set it>say",
      {
        conversation_variables: [
          { name: "list", value_type: "array[string]", value: ["a", "b"] },
          { name: "seen", value_type: "array[string]", value: [] },
        ],
      },
      "advanced-chat",
    );
    expect(runs(text).output).toEqual({ answer: "- a\n- b", files: [] });
    expect(runs(text, { inputs: { "conversation.seen": ["z"] } }).output).toMatchObject({ answer: "- z\n- a\n- b" });
  });
});

describe("loop", () => {
  const counting = (data: object, inner: readonly Node[] = [], edges = "go>add"): string =>
    app(
      [
        start,
        [
          "lo",
          "loop",
          {
            loop_count: 5,
            logical_operator: "and",
            start_node_id: "go",
            loop_variables: [{ label: "n", var_type: "number", value_type: "constant", value: "0" }],
            break_conditions: [when(["lo", "n"], "≥", "2")],
            ...data,
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
        ...inner,
        end({ n: ["lo", "n"], rounds: ["lo", "loop_round"] }),
      ],
      `s>lo ${edges} lo>e`,
    );

  test("ends when its condition holds, and says after how many rounds", () => {
    expect(runs(counting({})).output).toEqual({ n: 2, rounds: 2 });
  });

  test("a condition that holds from the start gives nothing at all", () => {
    const world = runs(counting({ break_conditions: [when(["lo", "n"], "=", "0")] }));
    expect(world.valueOf("lo")).toEqual({});
    expect(world.output).toEqual({ n: null, rounds: null });
  });

  test("all rounds are done without a failure when it never holds", () => {
    expect(runs(counting({ break_conditions: [] })).output).toEqual({ n: 5, rounds: 5 });
    expect(runs(counting({ break_conditions: [when(["lo", "n"], ">", "99")] })).output).toEqual({ n: 5, rounds: 5 });
  });

  test("a condition on what is not there counts as no before the first round, and fails after it", () => {
    const world = runs(counting({ break_conditions: [when(["nobody", "v"], "=", "1")] }));
    expect(world.events.filter(({ type }) => type === "round_ended")).toHaveLength(0);
    expect(world.state.failure!.message).toContain("not found");
  });

  test("an end node ends it after its round", () => {
    const world = runs(counting({ break_conditions: [] }, [["stop", "loop-end", {}, "lo"]], "go>add add>stop"));
    expect(world.output).toEqual({ n: 1, rounds: 1 });
  });

  test("the outputs of one round are gone in the next", () => {
    const first: Node = [
      "if",
      "if-else",
      { cases: [{ case_id: "yes", conditions: [when(["lo", "n"], "=", "1")] }] },
      "lo",
    ];
    const seen: Node = [
      "seen",
      "template-transform",
      { template: "{{ x }}", variables: [{ variable: "x", value_selector: ["make", "v"] }] },
      "lo",
    ];
    const world = runs(
      counting({}, [first, code("make", {}, "lo"), seen], "go>add add>if if:yes>make if:false>seen make>seen"),
      { does: { make: done({ v: "made" }) } },
    );
    expect(world.calls.filter(({ node }) => node === "seen").map(({ config }) => config["template"])).toEqual([
      "made",
      "None",
    ]);
  });

  test("start values may come from a variable", () => {
    const variables = [{ label: "n", var_type: "number", value_type: "variable", value: ["s", "from"] }];
    const text = counting({ loop_variables: variables, break_conditions: [when(["lo", "n"], "≥", "7")] }).replace(
      '"type":"start","title":"s"',
      '"type":"start","title":"s","variables":[{"variable":"from","type":"number"}]',
    );
    expect(runs(text, { inputs: { from: 5 } }).output).toEqual({ n: 7, rounds: 2 });
  });
});
