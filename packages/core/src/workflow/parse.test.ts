import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, isJsonObject, type Json } from "../base/json.ts";
import { CONTROL_TYPE_FIELDS, WORK_TYPE_FIELDS } from "./fields.ts";
import { parseWorkflow } from "./parse.ts";
import { CONTROL_TYPES, type Step, WORK_TYPES, type Workflow } from "./workflow.ts";

/** The three-step listing of the language's definition, byte for byte. */
const LISTING = `workflow:
  name: image_processing
  steps:
    - id: preprocess
      type: python_script
      image: dify/preprocess:1.0
      timeout: 300
    - id: generate_caption
      type: model_inference
      model: text_generation
      input: "{{steps.preprocess.output}}"
    - id: postprocess
      type: python_script
      depends_on: [generate_caption]
`;

function parsed(text: string): Workflow {
  const { workflow, problems } = parseWorkflow(text);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  return workflow!;
}

/** What a text means, without where it stands. */
function unplaced(text: string): unknown {
  return JSON.parse(JSON.stringify(parsed(text), (key, value: unknown) => (key === "place" ? undefined : value)));
}

/** A workflow of steps; the first one is called `a`. */
function steps(body: string): readonly Step[] {
  return parsed(`name: t\nsteps:\n  - {id: a, type: template, template: x}\n${body}`).steps;
}

describe("the listing", () => {
  it("parses as it stands, without a problem", () => {
    const { workflow, problems, pointer } = parseWorkflow(LISTING);
    expect(problems).toEqual([]);
    expect(pointer).toBe("/workflow");
    expect(workflow).toMatchObject({ name: "image_processing", version: null, inputs: null, priority: "normal" });
    expect(workflow!.steps.map(({ id, kind, dependsOn }) => [id, kind, dependsOn])).toEqual([
      ["preprocess", "work", null],
      ["generate_caption", "work", null],
      ["postprocess", "work", [{ step: "generate_caption", handle: null, place: { line: 14, column: 20 } }]],
    ]);
    expect(workflow!.steps[0]).toMatchObject({ timeoutMs: 300_000, config: { image: "dify/preprocess:1.0" } });
    expect(workflow!.steps.map(({ place }) => place)).toEqual([4, 8, 12].map((line) => ({ line, column: 7 })));
  });

  it("means the same with its fields at the top, as JSON, with CRLF and with a byte order mark", () => {
    const { documentJson } = parseWorkflow(LISTING);
    const inner = (documentJson as { workflow: Json }).workflow;
    const expected = unplaced(LISTING);
    for (const text of [
      JSON.stringify(inner),
      JSON.stringify(documentJson, null, "\t"),
      LISTING.replaceAll("\n", "\r\n"),
      "\ufeff" + LISTING,
      "---\n" + LISTING + "...\n",
      "%YAML 1.2\n---\n" + LISTING,
    ]) {
      expect(unplaced(text)).toEqual(expected);
    }
  });

  it("gives one document to hash, whatever the spelling", () => {
    const spelled = LISTING.replace("[generate_caption]", "\n        - generate_caption # the picture in words");
    expect(canonicalJson(parseWorkflow(spelled).documentJson)).toBe(canonicalJson(parseWorkflow(LISTING).documentJson));
  });

  it("locates a pointer, and the nearest ancestor of one that leads nowhere", () => {
    const { locate } = parseWorkflow(LISTING);
    expect(locate("/workflow/steps/1/model")).toEqual({ line: 10, column: 14 });
    expect(locate("/workflow/steps/1/missing/deeper")).toEqual({ line: 8, column: 7 });
    expect(locate("/workflow/steps/9")).toEqual({ line: 4, column: 5 });
    expect(locate("")).toEqual({ line: 1, column: 1 });
  });
});

describe("what a step means", () => {
  it("fills what is left out with the defaults", () => {
    const [, each, loop, approval] = steps(`
  - {id: each, type: for_each, items: "{{ inputs.l }}", steps: [{id: i, type: answer}]}
  - {id: round, type: loop, steps: [{id: j, type: answer}]}
  - {id: ask, type: approval}`);
    expect(each).toMatchObject({ concurrency: 16, onItemError: "fail", collect: null, join: "any", timeoutMs: null });
    expect(loop).toMatchObject({ maxIterations: 100, until: null, vars: {}, onError: { type: "fail" } });
    expect(approval).toMatchObject({ approvalTitle: "ask", form: null, assignees: null });
  });

  it("reads everything that a work step may have", () => {
    const [, step] = steps(`
  - id: b
    type: llm
    title: Ask
    description: note
    x-owner: me
    depends_on: a
    when: true
    join: all
    on_error: {default: {text: none}}
    timeout: 5m
    retry: {attempts: 5, initial: 2m, on: [REQUEST_FAILED]}
    pool: generation
    priority: batch
    resources: {cpu: 0.5, memory: 512MB, gpu: 1}
    cache: 1h
    seed: 7
    idempotent: false
    prompt: hello
    input: null`);
    expect(step).toMatchObject({
      type: "model_inference",
      title: "Ask",
      dependsOn: [{ step: "a", handle: null }],
      when: "true",
      join: "all",
      onError: { type: "default", value: { text: "none" } },
      timeoutMs: 300_000,
      retry: { attempts: 5, backoff: "exponential", initialMs: 120_000, maxMs: 120_000, on: ["REQUEST_FAILED"] },
      pool: "generation",
      priority: "batch",
      resources: { cpu: 0.5, memoryBytes: 512 * 1024 * 1024, gpu: 1 },
      cacheTtlMs: 3_600_000,
      seed: 7,
      idempotent: false,
    });
    expect((step as { config: unknown }).config).toEqual({ prompt: "hello", input: null });
  });

  it("takes a handle after the first dot, and ids with dashes", () => {
    const [, , , step] = steps(`
  - {id: my-route, type: switch, cases: [{name: re-fund, when: inputs.r}], default: other}
  - {id: hold, type: wait, signal: go, timeout: 1d, depends_on: my-route.re-fund}
  - {id: late, type: answer, depends_on: [hold.timeout, my-route.other, a]}`);
    expect(step!.dependsOn!.map((edge) => [edge.step, edge.handle])).toEqual([
      ["hold", "timeout"],
      ["my-route", "other"],
      ["a", null],
    ]);
  });

  it("reads a bare null of on_item_error as the choice of that name", () => {
    const [, step] = steps(
      `  - {id: e, type: for_each, items: [1], on_item_error: null, steps: [{id: i, type: answer}]}`,
    );
    expect(step).toMatchObject({ onItemError: "null", items: [1] });
  });

  it("accepts steps of own types with any fields", () => {
    const text = "name: t\nsteps: [{id: a, type: acme_scan, anything: {at: all}, retry: 2}]";
    expect(parseWorkflow(text).problems.map(({ code }) => code)).toEqual(["unknown_type"]);
    const { workflow } = parseWorkflow(text, { ownTypes: new Set(["acme_scan"]) });
    expect(workflow!.steps[0]).toMatchObject({
      type: "acme_scan",
      config: { anything: { at: "all" } },
      retry: { attempts: 2 },
    });
  });

  it("reads the fields of the workflow", () => {
    const workflow = parsed(`
name: nightly.report
version: 1.2.0-rc.1
description: Every night.
inputs: {question: string, count: {type: integer, default: 3}}
outputs: {text: "{{ steps.a.output }}"}
timeout: 1h
concurrency: {limit: 2, strategy: reject}
priority: background
retention: 30d
env: {REGION: eu}
steps: [{id: a, type: template, template: x}]`);
    expect(workflow).toMatchObject({
      name: "nightly.report",
      version: "1.2.0-rc.1",
      inputs: {
        type: "object",
        properties: { question: { type: "string" }, count: { type: "integer", default: 3 } },
        required: ["question"],
      },
      timeoutMs: 3_600_000,
      concurrency: { key: "nightly.report", limit: 2, strategy: "reject" },
      priority: "background",
      retention: { keepMs: 30 * 86_400_000 },
      env: { REGION: "eu" },
    });
  });

  it("keeps a full JSON Schema of the inputs as it is written", () => {
    const schema = { type: "object", properties: { type: { type: "string" } }, additionalProperties: false };
    expect(parsed(JSON.stringify({ name: "t", inputs: schema, steps: [{ id: "a", type: "answer" }] })).inputs).toEqual(
      schema,
    );
  });

  it("calls a workflow without a name so, with a warning", () => {
    const { workflow, problems } = parseWorkflow("steps: [{id: a, type: answer}]");
    expect(workflow!.name).toBe("workflow");
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([["warning", "missing_name"]]);
  });

  it("copies the value of an alias", () => {
    const [, step] = steps(`  - {id: b, type: http, url: "u", headers: &h {a: b}, query: *h}`);
    expect((step as { config: unknown }).config).toMatchObject({ headers: { a: "b" }, query: { a: "b" } });
  });
});

describe("the field tables", () => {
  it("describe every type and no other", () => {
    expect(Object.keys(WORK_TYPE_FIELDS).toSorted()).toEqual([...WORK_TYPES].toSorted());
    expect(Object.keys(CONTROL_TYPE_FIELDS).toSorted()).toEqual([...CONTROL_TYPES].toSorted());
  });

  it("name only fields that exist in their groups", () => {
    for (const [type, spec] of Object.entries({ ...WORK_TYPE_FIELDS, ...CONTROL_TYPE_FIELDS })) {
      for (const name of [...(spec.oneOf ?? []), ...(spec.atMostOne ?? [])].flat()) {
        expect(Object.keys(spec.fields), type).toContain(name);
      }
    }
  });
});

describe("any text", () => {
  /** Pieces that texts of this kind are made of, so that random ones get past the first line. */
  const piece = fc.constantFrom(
    ..."workflow: |name: a|steps:|- id: a|- id: b|type: switch|type: for_each|cases: [|{name: x, when: y}|]|}|{|\n|\n  |\n    |depends_on: |a.x|".split(
      "|",
    ),
    "&a ",
    "*a",
    "!t ",
    "'",
    '"',
    "\t",
    "<<: ",
    "__proto__: ",
    "1e999",
    "retry: ",
    "- ",
    ": ",
    "[",
    "#",
    "\0",
    "\ufeff",
    "\ud800",
    "%",
    "---\n",
    "? ",
  );

  it("is answered without an exception, and with a place that exists", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.array(piece, { maxLength: 40 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { workflow, problems } = parseWorkflow(text);
        expect(workflow === null).toBe(problems.some(({ severity }) => severity === "error"));
        const lines = text.split("\n");
        for (const { place, message, code } of problems) {
          expect(place.line).toBeLessThanOrEqual(lines.length);
          expect(place.column).toBeLessThanOrEqual(lines[place.line - 1]!.length + 2);
          expect(place.line * place.column).toBeGreaterThan(0);
          expect(message).not.toMatch(/undefined|\[object/);
          expect(code).toMatch(/^[a-z_]+$/);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it("is answered without an exception when it is any JSON in the shape of a workflow", () => {
    const names = [
      ...Object.keys(WORK_TYPE_FIELDS["http"]!.fields),
      "id",
      "type",
      "depends_on",
      "steps",
      "cases",
      "retry",
      "on_error",
      "from",
    ];
    const { step } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 2 }), fc.array(tie("step"), { maxLength: 3 })),
      step: fc.dictionary(
        fc.constantFrom(...names),
        fc.oneof(fc.constantFrom("a", "b", "http", "switch", "loop", "a.b"), tie("value")),
        {
          maxKeys: 8,
        },
      ),
    }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), (list) => {
        const { problems, documentJson } = parseWorkflow(JSON.stringify({ name: "t", steps: list }));
        expect(isJsonObject(documentJson)).toBe(true);
        for (const { message } of problems) expect(message).not.toMatch(/undefined|\[object/);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a field that a type and all steps have", () => {
  const configOf = (type: string): unknown => {
    const { workflow } = parseWorkflow(`name: w\nsteps:\n  - { id: a, type: ${type}, items: [1], join: all }\n`, {
      ownTypes: new Set(["mine"]),
    });
    const step = workflow!.steps[0]!;
    return step.kind === "work" ? { config: { ...step.config }, join: step.join } : null;
  };

  it("is the type's where the type declares it", () => {
    expect(configOf("list")).toEqual({ config: { items: [1], join: "all" }, join: "any" });
  });

  it("is the common one for a type that does not know it", () => {
    expect(configOf("mine")).toEqual({ config: { items: [1] }, join: "all" });
  });
});
