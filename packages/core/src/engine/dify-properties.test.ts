import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import { app, start, when, type Node } from "./dify.testing.ts";
import { difyStatus, exceptionsCount } from "./dify-view.ts";
import { hash32 } from "./retry.ts";
import { done, fails, runs, type Call } from "./run.testing.ts";
import { isFinal } from "./state.ts";

const KINDS = [
  "code",
  "if-else",
  "variable-aggregator",
  "template-transform",
  "answer",
  "assigner",
  "iteration",
  "loop",
] as const;
const CONVERSATION = [{ name: "v", value_type: "array[string]", value: [] }];

interface Drawn {
  readonly kind: (typeof KINDS)[number];
  /** Positions of nodes before it, as shares of those there are. */
  readonly after: readonly number[];
  readonly reads: number;
  readonly strategy: string | null;
  readonly handle: string;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  kind: fc.constantFrom(...KINDS),
  after: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 3 }),
  reads: fc.double({ min: 0, max: 0.999, noNaN: true }),
  strategy: fc.constantFrom(null, "fail-branch", "default-value"),
  handle: fc.constantFrom("source", "true", "false", "fail-branch"),
});

/** The nodes that stand for one drawn node: containers have an inside. */
function nodesOf({ kind, strategy }: Drawn, id: string, read: string): readonly Node[] {
  const select = [read, "v"];
  const error = { error_strategy: strategy, default_value: [{ key: "v", type: "string", value: "instead" }] };
  switch (kind) {
    case "code":
      return [[id, kind, { variables: [{ variable: "x", value_selector: select }], ...error }]];
    case "if-else":
      return [[id, kind, { cases: [{ case_id: "true", conditions: [when(["conversation", "v"], "empty", "")] }] }]];
    case "variable-aggregator":
      return [[id, kind, { variables: [select, ["conversation", "v"]] }]];
    case "template-transform":
      return [[id, kind, { template: "<{{ x }}>", variables: [{ variable: "x", value_selector: select }], ...error }]];
    case "answer":
      return [[id, kind, { answer: `${id} {{#${read}.v#}} {{#conversation.v#}};` }]];
    case "assigner":
      return [
        [
          id,
          kind,
          {
            version: "2",
            items: [
              { variable_selector: ["conversation", "v"], input_type: "constant", operation: "append", value: id },
            ],
          },
        ],
      ];
    case "iteration":
      return [
        [
          id,
          kind,
          {
            iterator_selector: ["conversation", "v"],
            output_selector: [`${id}w`, "v"],
            start_node_id: `${id}start`,
            error_handle_mode: "continue-on-error",
            is_parallel: true,
            parallel_nums: 2,
          },
        ],
        [`${id}start`, "iteration-start", {}, id],
        [
          `${id}set`,
          "assigner",
          {
            version: "2",
            items: [
              {
                variable_selector: ["conversation", "v"],
                input_type: "variable",
                operation: "append",
                value: [id, "item"],
              },
            ],
          },
          id,
        ],
        [`${id}w`, "code", { variables: [{ variable: "x", value_selector: [id, "item"] }] }, id],
      ];
    case "loop":
      return [
        [
          id,
          kind,
          {
            loop_count: 3,
            start_node_id: `${id}start`,
            break_conditions: [when([id, "n"], "≥", "2")],
            loop_variables: [{ label: "n", var_type: "number", value_type: "constant", value: 0 }],
          },
        ],
        [`${id}start`, "loop-start", {}, id],
        [
          `${id}add`,
          "assigner",
          {
            version: "2",
            items: [{ variable_selector: [id, "n"], input_type: "constant", operation: "+=", value: 1 }],
          },
          id,
        ],
        [`${id}say`, "answer", { answer: `${id}{{#${id}.n#}};` }, id],
      ];
  }
}

function graphOf(list: readonly Drawn[]): string {
  const ids = ["s", ...list.map((_, at) => `n${at}`)];
  const nodes = list.flatMap((one, at) => nodesOf(one, `n${at}`, ids[Math.floor(one.reads * (at + 1))]!));
  const edges = list.flatMap(({ after }, at) =>
    [...new Set(after.map((share) => Math.floor(share * (at + 1))))].map((from) => {
      const handle = from > 0 && list[from - 1]!.kind === "if-else" ? list[at]!.handle : "source";
      return `${ids[from]}:${handle}>n${at}`;
    }),
  );
  const inner = list.flatMap(({ kind }, at) =>
    kind === "iteration"
      ? [`n${at}start>n${at}set`, `n${at}set>n${at}w`]
      : kind === "loop"
        ? [`n${at}start>n${at}add`, `n${at}add>n${at}say`]
        : [],
  );
  return app(
    [start, ...nodes],
    [...edges, ...inner].join(" "),
    { conversation_variables: CONVERSATION },
    "advanced-chat",
  );
}

test("any graph ends, and a recovery after every row changes nothing", () => {
  fc.assert(
    fc.property(
      fc.array(drawn, { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.integer({ min: 0, max: 3 }),
      (list, seed, failing) => {
        const text = graphOf(list);
        const does = {
          "*": ({ scope, node, attempt, config }: Call) => {
            if (config["template"] !== undefined) return undefined;
            if (hash32(`${seed}/${scope}/${node}/${attempt}`) % 10 < failing) return fails();
            return done({
              v: `${node}:${String((config["inputs"] as { readonly x?: Json } | undefined)?.x ?? "")}`.slice(0, 50),
            });
          },
        };
        const inputs = { "conversation.v": ["a", "b"] };
        const plain = runs(text, { does, inputs });
        const recovered = runs(text, { does, inputs, recoverEvery: 1, inlineMax: 20 });
        expect(isFinal(plain.state.status)).toBe(true);
        expect(recovered.output).toEqual(plain.output);
        expect(recovered.events.map(({ type }) => type)).toEqual(plain.events.map(({ type }) => type));
        const status = difyStatus(plain.state);
        expect(status === "partial-succeeded").toBe(
          plain.state.status === "succeeded" && exceptionsCount(plain.state) > 0,
        );
        if (status !== "failed") expect(plain.output).toMatchObject({ files: [] });
      },
    ),
    { numRuns: 200 },
  );
});
