import { describe, expect, test } from "vitest";
import type { JsonObject } from "../base/json.ts";
import { app, code, end, start, told, when, type Node } from "./dify.testing.ts";
import { done } from "./run.testing.ts";

const chat = (nodes: readonly Node[], edges: string, more: object = {}): string =>
  app(nodes, edges, more, "advanced-chat");
const llm = (id: string): Node => [id, "llm", { model: { name: "m" }, prompt_template: [] }];
const answer = (id: string, text: string, parent?: string): Node => [
  id,
  "answer",
  { answer: text },
  ...(parent === undefined ? ([] as const) : ([parent] as const)),
];
const query = (text: string): { inputs: JsonObject } => ({ inputs: { "sys.query": text } });
const says = (text: string): ReturnType<typeof done> => done({ text });

describe("text goes out", () => {
  test("before its answer starts, in the order of the template", () => {
    const text = chat([start, answer("a", "prefix {{#sys.query#}} suffix")], "s>a");
    expect(told(text, query("Q"))).toEqual(["prefix ", "Q", " suffix", "+s", "+a"]);
  });

  test("as a model streams it, and what stands behind it waits", () => {
    const text = chat([start, llm("m"), answer("a", "[{{#m.text#}}]")], "s>m m>a");
    expect(told(text, { does: { m: says("one two") } }, { m: ["one", " two"] })).toEqual([
      "[",
      "+s",
      "one",
      " two",
      "]",
      "+m",
      "+a",
    ]);
  });

  test("in one piece when it was not streamed, and the rest when a part was", () => {
    const text = chat([start, llm("m"), answer("a", "{{#m.text#}}")], "s>m m>a");
    expect(told(text, { does: { m: says("one two") } })).toEqual(["+s", "one two", "+m", "+a"]);
    expect(told(text, { does: { m: says("one two") } }, { m: ["one"] })).toEqual(["+s", "one", " two", "+m", "+a"]);
  });

  test("of two models in the order of the template, and not of their ends", () => {
    const text = chat(
      [start, llm("slow"), llm("fast"), answer("a", "{{#fast.text#}}|{{#slow.text#}}")],
      "s>slow s>fast slow>a fast>a",
    );
    const lines = told(text, { does: { slow: says("S"), fast: says("F") } }, { slow: ["S"], fast: ["F"] });
    expect(lines).toEqual(["+s", "+slow", "F", "|", "S", "+fast", "+a"]);
  });

  test("as markdown", () => {
    const text = chat([start, code("c"), answer("a", "{{#c.v#}}")], "s>c c>a");
    expect(told(text, { does: { c: done({ v: ["x", "y"] }) } })).toEqual(["+s", "- x\n- y", "+c", "+a"]);
  });

  test("of an end as its outputs, with a line break between", () => {
    const text = app([start, llm("m"), end({ q: ["sys", "query"], t: ["m", "text"] })], "s>m m>e");
    expect(told(text, { ...query("Q"), does: { m: says("T") } }, { m: ["T"] })).toEqual([
      "Q",
      "\n",
      "+s",
      "T",
      "+m",
      "+e",
    ]);
  });
});

describe("text waits", () => {
  const branching = (value: string): string =>
    chat(
      [
        start,
        ["if", "if-else", { cases: [{ case_id: "yes", conditions: [when(["sys", "query"], "is", value)] }] }],
        answer("a", "A"),
        answer("b", "B"),
      ],
      "s>if if:yes>a if:false>b",
    );

  test("until the branch is taken, and on the other branch nothing is said", () => {
    expect(told(branching("Q"), query("Q"))).toEqual(["+s", "A", "+if", "+a"]);
    expect(told(branching("other"), query("Q"))).toEqual(["+s", "B", "+if", "+b"]);
  });

  test("for the answer before it", () => {
    const text = chat([start, answer("one", "1"), llm("m"), answer("two", "2{{#m.text#}}")], "s>one one>m m>two");
    expect(told(text, { does: { m: says("M") } }, { m: ["M"] })).toEqual(["1", "+s", "2", "+one", "M", "+m", "+two"]);
  });

  test("for an assigner of a variable that it reads, and for no other", () => {
    const set: Node = [
      "set",
      "assigner",
      {
        version: "2",
        items: [
          {
            variable_selector: ["conversation", "v"],
            input_type: "variable",
            operation: "over-write",
            value: ["sys", "query"],
          },
        ],
      },
    ];
    const variables = { conversation_variables: [{ name: "v", value_type: "string", value: "old" }] };
    expect(told(chat([start, set, answer("a", "{{#conversation.v#}}")], "s>set set>a", variables), query("Q"))).toEqual(
      ["+s", "Q", "+set", "+a"],
    );
    expect(told(chat([start, set, answer("a", "{{#sys.query#}}")], "s>set set>a", variables), query("Q"))).toEqual([
      "Q",
      "+s",
      "+set",
      "+a",
    ]);
  });

  test("for ever behind a reference that never gets a value, and the outputs still come", () => {
    const text = chat([start, answer("a", "x{{#s.wrong#}}y")], "s>a");
    expect(told(text, query("Q"))).toEqual(["x", "+s", "+a"]);
  });

  test("for nothing where the node it refers to was skipped", () => {
    const text = chat(
      [
        start,
        ["if", "if-else", { cases: [{ case_id: "yes", conditions: [when(["sys", "query"], "is", "Q")] }] }],
        code("c"),
        answer("a", "<{{#c.v#}}>"),
      ],
      "s>if if:yes>a if:false>c c>a",
    );
    expect(told(text, query("Q"))).toEqual(["+s", "<", "+if", ">", "+a"]);
  });
});

test("an answer in a loop speaks in each round, and what follows the loop after it", () => {
  const text = chat(
    [
      start,
      [
        "lo",
        "loop",
        {
          loop_count: 5,
          start_node_id: "go",
          break_conditions: [when(["lo", "n"], "≥", "2")],
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
      answer("say", "{{#lo.n#}}\n", "lo"),
      answer("last", "{{#sys.query#}} + {{#lo.n#}}"),
    ],
    "s>lo go>add add>say lo>last",
  );
  expect(told(text, query("1"))).toEqual([
    "+s",
    "1",
    "\n",
    "+add",
    "+say",
    "2",
    "\n",
    "+add",
    "+say",
    "1",
    " + ",
    "2",
    "+lo",
    "+last",
  ]);
});

test("an answer in an iteration speaks for each item", () => {
  const text = chat(
    [
      start,
      [
        "it",
        "iteration",
        { iterator_selector: ["conversation", "list"], output_selector: ["say", "answer"], start_node_id: "go" },
      ],
      ["go", "iteration-start", {}, "it"],
      answer("say", "{{#it.item#}},", "it"),
      answer("last", "done"),
    ],
    "s>it go>say it>last",
    { conversation_variables: [{ name: "list", value_type: "array[string]", value: ["a", "b"] }] },
  );
  expect(
    told(text, {})
      .filter((line) => !line.startsWith("+"))
      .join(""),
  ).toBe("a,b,done");
});
