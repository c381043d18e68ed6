import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../base/json.ts";
import { lazyMap, type Scope } from "../expression/scope.ts";
import { renderValueTemplate } from "../expression/template.ts";
import { FILE_MARK, find } from "./selector.ts";
import { parseSegments, referencesIn, renderSegments } from "./template.ts";
import { first, jinja, literal, parseDifyValue, select, text } from "./values.ts";

function scopeOf(nodes: JsonObject): Scope {
  const get = (id: string): unknown => (Object.hasOwn(nodes, id) ? nodes[id] : undefined);
  const view = { [lazyMap]: true as const, get, keys: () => [], toJson: () => nodes };
  return { lookup: (name) => (name === "nodes" ? view : name === "env" ? { k: "v" } : undefined) };
}

const file = {
  dify_model_identity: FILE_MARK,
  type: "image",
  filename: "a.png",
  size: 3,
  url: null,
  remote_url: "https://x",
};
const scope = scopeOf({
  n: { text: "T", none: null, deep: { a: { b: 1 } }, list: [1, 2], file, "sys.query": "Q" },
});

describe("a text", () => {
  test.each<[string, Json]>([
    ["plain", ["plain"]],
    ["", []],
    ["{{#n.text#}}", [["n", "text"]]],
    ["a {{#n.deep.a.b#}} b", ["a ", ["n", "deep", "a", "b"], " b"]],
    [
      "{{#n.a#}}{{#n.b#}}",
      [
        ["n", "a"],
        ["n", "b"],
      ],
    ],
    ["{{#1718006000001.text#}}", [["1718006000001", "text"]]],
    ["{{#context#}}", ["{{#context#}}"]],
    ["{{#n.1a#}}", ["{{#n.1a#}}"]],
    ["{{#a-b.c#}}", ["{{#a-b.c#}}"]],
    ["{{# n.text #}}", ["{{# n.text #}}"]],
    ["{{n.text}}", ["{{n.text}}"]],
    [`{{#${"n".repeat(51)}.a#}}`, [`{{#${"n".repeat(51)}.a#}}`]],
    [`{{#n.${"a".repeat(31)}#}}`, [`{{#n.${"a".repeat(31)}#}}`]],
    [`{{#n${".a".repeat(11)}#}}`, [`{{#n${".a".repeat(11)}#}}`]],
    ["{{#$output.name#}}", ["{{#$output.name#}}"]],
  ])("%j is %j", (source, segments) => {
    expect(parseSegments(source)).toEqual(segments);
  });

  test("leaves the bare name where a reference leads nowhere, unless its reader fails", () => {
    const segments = parseSegments("a {{#n.nothing#}} b");
    expect(renderSegments(segments, scope)).toBe("a n.nothing b");
    expect(renderSegments(segments, scope, "null")).toBe("a  b");
    expect(() => renderSegments(segments, scope, "fail")).toThrow("Variable #n.nothing# not found");
  });

  test("is itself when it has no reference, and loses nothing when it has", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("{{#n.text#}}", "{{#n", "#}}", "{{"))), (parts) => {
        const source = parts.join("");
        const segments = parseSegments(source);
        const back = segments.map((one) => (typeof one === "string" ? one : `{{#${one.join(".")}#}}`)).join("");
        expect(back).toBe(source);
        expect(referencesIn(source)).toEqual(segments.filter((one) => typeof one !== "string"));
      }),
    );
  });

  test("that would grow without bound is an error", () => {
    const large = scopeOf({ n: { v: "x".repeat(1_000_000) } });
    expect(() => renderSegments(parseSegments("{{#n.v#}}".repeat(20)), large)).toThrow("longer than");
  });
});

describe("a selector", () => {
  test.each<[readonly string[], Json | undefined]>([
    [["n", "text"], "T"],
    [["n", "none"], null],
    [["n", "deep", "a", "b"], 1],
    [["n", "deep", "a", "x"], undefined],
    [["n", "list", "0"], undefined],
    [["n", "text", "length"], undefined],
    [["n", "nothing"], undefined],
    [["nobody", "text"], undefined],
    [["n"], undefined],
    [["n", "file", "name"], "a.png"],
    [["n", "file", "url"], "https://x"],
    [["n", "file", "related_id"], null],
    [["n", "file", "colour"], undefined],
    [["n", "file", "filename"], undefined],
    [["env", "k"], "v"],
    [["conversation", "k"], undefined],
    [["n", "sys.query"], "Q"],
    [["n", "sys", "query"], "Q"],
    [["n", "__proto__"], undefined],
    [["n", "deep", "constructor"], undefined],
    [["n", "toString"], undefined],
  ])("%j leads to %j", (selector, value) => {
    expect(find(scope, selector)).toEqual(value);
  });
});

describe("a value with marks", () => {
  const render = (value: Json): Json => renderValueTemplate(parseDifyValue(value).template, scope);

  test.each<[Json, Json]>([
    [{ a: select(["n", "deep"]) }, { a: { a: { b: 1 } } }],
    [{ a: select(["n", "x"]) }, { a: null }],
    [{ a: select(["n", "none"], "omit") }, { a: null }],
    [{ a: select(["n", "x"], "omit"), b: [1, select(["n", "x"], "omit")] }, { b: [1] }],
    [{ a: select(["n", "x"], "name") }, { a: "n.x" }],
    [text("a {{#n.text#}}"), "a T"],
    [text("no reference {{ x }}"), "no reference {{ x }}"],
    [
      {
        a: first([
          ["n", "x"],
          ["n", "none"],
          ["n", "text"],
        ]),
      },
      { a: null },
    ],
    [{ a: first([["n", "x"]]) }, {}],
    [{ $some: { a: first([["n", "x"]]) } }, null],
    [
      {
        $files: [
          ["n", "file"],
          ["n", "list"],
          ["n", "x"],
        ],
      },
      [file],
    ],
    [literal({ $select: ["n", "text"] }), { $select: ["n", "text"] }],
    [jinja("{{ x }}", { x: select(["n", "list"]) }), "[1, 2]"],
    [jinja("{{ x }}", { x: select(["n", "none"]) }), "None"],
    [jinja("{{ nothing }}|", {}), "|"],
    [jinja("{% for i in x %}{{ i }},{% endfor %}\n", { x: select(["n", "list"]) }), "1,2,"],
    [jinja("{{ n }}{{ env }}{{ nodes }}", {}), ""],
  ])("%j is %j", (value, expected) => {
    expect(render(value)).toEqual(expected);
  });

  test("whose reference must be there fails without it", () => {
    expect(() => render(select(["n", "x"], "fail"))).toThrow("Variable ['n', 'x'] not found");
  });

  test("names the nodes it reads, and no namespaces", () => {
    const { template } = parseDifyValue([select(["a", "x"]), text("{{#b.y#}} {{#env.k#}}"), first([["c", "z"]])]);
    expect(template.roots.map(({ path }) => path[1])).toEqual(["a", "b", "c"]);
  });

  test("that holds no mark is itself, whatever it is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Json;
        fc.pre(!JSON.stringify(plain).includes("$"));
        expect(render(plain)).toEqual(plain);
      }),
    );
  });
});
