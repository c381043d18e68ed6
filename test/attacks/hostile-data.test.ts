import { parseJson, readYaml } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attacked, type Attacked } from "./server.ts";

let server: Attacked;
beforeAll(async () => {
  server = await attacked();
  await server.weft.workflows.publish("name: open\nsteps:\n  - {id: a, type: answer, input: x}\n");
});
afterAll(() => server.close());

const MILLION = 1_000_000;
const run = (inputs: string): string => `{"workflow":"open","inputs":${inputs}}`;

/** JSON that would exhaust a recursive reader, a number's range, or the memory of one member each. */
const JSON_BOMBS: readonly (readonly [fact: string, text: () => string])[] = [
  ["a million open brackets", () => run(`{"a":${"[".repeat(MILLION)}`)],
  ["a million brackets, closed", () => run(`{"a":${"[".repeat(MILLION)}${"]".repeat(MILLION)}}`)],
  ["a million objects, closed", () => run(`${'{"a":'.repeat(MILLION)}1${"}".repeat(MILLION)}`)],
  ["501 levels", () => run(`{"a":${"[".repeat(500)}${"]".repeat(500)}}`)],
  ["a number of a million digits", () => run(`{"a":${"9".repeat(MILLION)}}`)],
  ["a fraction of a million digits", () => run(`{"a":0.${"9".repeat(MILLION)}}`)],
  ["a number beyond a double", () => run('{"a":1e999}')],
  ["a negative number beyond a double", () => run('{"a":-1e999}')],
  ["an exponent of a million digits", () => run(`{"a":1e${"9".repeat(MILLION)}}`)],
  ["a key given twice", () => run('{"a":1,"a":2}')],
  ["a key given twice, once in escapes", () => run('{"a":1,"\\u0061":2}')],
  ["three million members", () => run(`{"a":[${"0,".repeat(3 * MILLION)}0]}`)],
  ["NaN", () => run('{"a":NaN}')],
  ["a comment", () => run('{"a":1/* x */}')],
  ["half an escape", () => run('{"a":"\\u12"}')],
  ["a bare control character", () => run('{"a":"\u0000"}')],
  ["text behind the value", () => `${run('{"a":1}')} {}`],
];

describe("A27 JSON that is made to cost is refused with its place, before it is built:", () => {
  test.each(JSON_BOMBS)("%s", async (_fact, text) => {
    const answer = await server.json("POST", "/api/runs", text());
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { code: "invalid_json" }]);
    expect(answer.text.length).toBeLessThan(2000);
  });

  test("a body over the limit is refused by its length, unread, and the limit is a setting", async () => {
    const answer = await server
      .json("POST", "/api/runs", run(`{"a":"${"x".repeat(17 * MILLION)}"}`))
      .catch((error: NodeJS.ErrnoException) => ({ status: error.code, text: "WEFT_BODY_LIMIT" }));
    expect([413, "EPIPE", "ECONNRESET"]).toContain(answer.status);
    expect(answer.text).toContain("WEFT_BODY_LIMIT");
  });

  test("500 levels and numbers at the end of their range pass and come back as they were", async () => {
    const deep = `${"[".repeat(490)}1${"]".repeat(490)}`;
    const inputs = `{"a":${deep},"b":1.7976931348623157e+308,"c":5e-324,"d":-0,"e":9007199254740993}`;
    const answer = await server.json("POST", "/api/runs", run(inputs));
    expect(answer.status).toBe(202);
    const { id } = JSON.parse(answer.text) as { id: string };
    await server.weft.runs.wait(id, { timeoutMs: 10_000 });
    const { text } = await server.ask("GET", `/api/runs/${id}`);
    expect(text).toContain(deep);
    expect(text).toContain("1.7976931348623157e+308");
  });

  test("a damaged surrogate in a text is kept or refused, and never becomes another text", () => {
    expect(parseJson('"\\ud800"')).toBe("\ud800");
    expect(() => parseJson('"\\ud8"')).toThrow(/INVALID_JSON|JSON/);
  });
});

const YAML_HEAD = "name: bomb\nsteps: [{id: a, type: answer, input: x}]\n";

/** YAML that would exhaust a reader, or that names something else than data. */
const YAML_BOMBS: readonly (readonly [fact: string, text: () => string])[] = [
  [
    "an alias bomb of 9^30 texts",
    () =>
      `${YAML_HEAD}x-a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 30 }, (_, i) => `x-a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join("\n")}\n`,
  ],
  ["a value that holds itself", () => `${YAML_HEAD}x-a: &a [*a]\n`],
  ["100,000 open brackets", () => `${YAML_HEAD}x-a: ${"[".repeat(100_000)}`],
  ["100,000 levels of lists", () => `${"- ".repeat(100_000)}a\n`],
  ["a function", () => `${YAML_HEAD}x-a: !!js/function 'function(){ return 1 }'\n`],
  ["a regular expression", () => `${YAML_HEAD}x-a: !!js/regexp /(a+)+$/\n`],
  ["nothing that is something", () => `${YAML_HEAD}x-a: !!js/undefined ''\n`],
  ["an object of Python", () => `${YAML_HEAD}x-a: !!python/object/apply:os.system ['id']\n`],
  ["a class of Java", () => `${YAML_HEAD}x-a: !!javax.script.ScriptEngineManager [x]\n`],
  ["an object of Ruby", () => `${YAML_HEAD}x-a: !ruby/object:Gem::Installer {i: x}\n`],
  ["a tag of its own", () => `%TAG ! tag:evil.example,2000:\n---\n${YAML_HEAD}x-a: !x y\n`],
  ["a file to include", () => `${YAML_HEAD}x-a: !include /etc/passwd\n`],
  ["two documents", () => `${YAML_HEAD}---\nname: other\nsteps: [{id: a, type: answer}]\n`],
  ["a name given twice", () => `name: other\n${YAML_HEAD}`],
  ["a number that is none in JSON", () => `${YAML_HEAD}x-a: .inf\n`],
];

describe("A27 YAML that is made to cost, or names more than data, is refused with its line:", () => {
  test.each(YAML_BOMBS)("%s", async (_fact, text) => {
    const answer = await server.yaml("PUT", "/api/workflows", text());
    const problem = JSON.parse(answer.text) as { code: string; errors: { line: number }[] };
    expect([answer.status, problem.code]).toEqual([422, "invalid_workflow"]);
    expect(problem.errors[0]!.line).toBeGreaterThan(0);
    expect(answer.text.length).toBeLessThan(200_000);
    expect(await server.weft.workflows.find("bomb")).toBeNull();
  });

  test("what YAML 1.1 reads as another type is the text it looks like", () => {
    const read = readYaml("a: no\nb: 0o17\nc: 1_000\nd: 12:30:45\ne: 2001-12-14\n");
    expect(JSON.parse(JSON.stringify(read.data))).toMatchObject({
      a: "no",
      c: "1_000",
      d: "12:30:45",
      e: "2001-12-14",
    });
  });
});
