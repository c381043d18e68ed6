import { renderTemplate, AppError, parseTemplate } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";

let weft: Weft;
beforeAll(async () => {
  weft = await openWeft();
});
afterAll(() => weft.close());

/** What a template gives, as JSON text; or the code of what refuses it, when it is published or when it runs. */
async function outcome(template: string, inputs: Record<string, unknown> = {}): Promise<string> {
  const source = JSON.stringify({ name: "attack", steps: [{ id: "a", type: "template", template }] });
  const { plan, problems } = weft.workflows.validate(source);
  if (plan === null) return `refused: ${problems[0]!.code}`;
  await weft.workflows.publish(source);
  const { run } = await weft.runs.start({ workflow: "attack", inputs: inputs as never });
  const ended = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
  return ended?.status === "succeeded" ? JSON.stringify(ended.outputs) : `failed: ${String(ended?.error?.code)}`;
}

/** Traces that text of the host leaves: of functions, of the process, of Node. */
const HOST = /native code|function|\[object|Symbol\(|process|node:|uid=|\/usr\/|root:|ReferenceError|TypeError/i;

/** What was written against template engines and expression evaluators of others, each in the form that reached the host. */
const PAYLOADS: readonly string[] = [
  // Through a constructor to the maker of functions.
  "{{ ''.constructor.constructor('return process')() }}",
  "{{ inputs.constructor.constructor('return this')() }}",
  "{{ [].constructor.constructor('return process.env')() }}",
  "{{ (1).constructor.constructor('return 7*7')() }}",
  "{{ {}['constructor']['constructor']('return process')() }}",
  "{{ {}['con' ~ 'structor'] }}",
  "{{ inputs[['constructor']] }}",
  "{{ inputs['\\u0063onstructor'] }}",
  "{{ inputs.cons\\u0074ructor }}",
  "{{ inputs['constructor\\x00'] }}",
  "{{ ''['__proto__']['constructor'] }}",
  "{{ {}.__proto__.polluted }}",
  "{{ inputs.__proto__.toString }}",
  "{{ {}.__defineGetter__('x', 1) }}",
  "{{ inputs.__lookupGetter__('x') }}",
  "{{ inputs.hasOwnProperty('x') }}",
  "{{ inputs.toString() }}",
  "{{ inputs.valueOf() }}",
  "{{ ''.toString.call(1) }}",
  "{{ ''.sub.constructor('return process')() }}",
  "{{ [].map.constructor('return process')() }}",
  "{{ [].at.constructor }}",
  "{{ inputs.then }}{{ inputs.toJSON }}",
  // Names of the host, bare.
  "{{ process.env }}",
  "{{ globalThis.process }}",
  "{{ global.process.mainModule.require('child_process').execSync('id') }}",
  "{{ this.process }}",
  "{{ self }}{{ window }}",
  "{{ require('fs').readFileSync('/etc/passwd') }}",
  "{{ import('node:fs') }}",
  "{{ Function('return process')() }}",
  "{{ eval('1') }}",
  "{{ Symbol.iterator }}",
  "{{ Reflect.ownKeys(inputs) }}",
  "{{ Object.getPrototypeOf(inputs) }}",
  "{{ new Date() }}",
  "{{ (() => process)() }}",
  "{{ function(){ return process }() }}",
  "{{ `${process}` }}",
  "{{ inputs`x` }}",
  "{{ inputs /* c */ . /* d */ constructor }}",
  "{{ inputs?.constructor }}",
  "{{ {get x(){ return process }}.x }}",
  "{{ $json.constructor }}{{ $('a').first() }}",
  "{{ $env.PATH }}{{ $workflow }}",
  // Those of Python's engine, whose language ours is.
  "{{ ''.__class__.__mro__[1].__subclasses__() }}",
  "{{ ''.__class__.__base__.__subclasses__()[40]('/etc/passwd').read() }}",
  "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
  "{{ lipsum.__globals__['os'].popen('id').read() }}",
  "{{ self._TemplateReference__context }}",
  "{{ config.items() }}",
  "{{ request.application.__globals__ }}",
  "{{ ''|attr('__class__') }}",
  "{{ ''|attr('constructor') }}",
  "{{ inputs|attr('\\x5f\\x5fproto\\x5f\\x5f') }}",
  "{{ [inputs]|map(attribute='constructor')|list }}",
  "{{ [inputs]|map(attribute='__proto__.constructor')|list }}",
  "{{ [inputs]|groupby('constructor')|list }}",
  "{{ [inputs]|selectattr('constructor')|list }}",
  "{{ '{0.constructor}'.format(inputs) }}",
  "{{ '{0.__class__}'.format(inputs) }}",
  "{{ '%(constructor)s' % inputs }}",
  "{% set x = inputs.constructor %}{{ x.constructor('return 1')() }}",
  "{% set ns = namespace(__proto__=1) %}{{ ns.__proto__ }}",
  "{% macro m() %}{{ caller.constructor }}{% endmacro %}{% call m() %}{% endcall %}",
  "{% macro m() %}{% endmacro %}{{ m.constructor('return process')() }}",
  "{{ range.constructor('return process')() }}",
  "{{ namespace.constructor }}{{ dict.constructor }}",
  "{{ loop.constructor }}{% for x in [1] %}{{ loop.constructor }}{{ loop.__proto__ }}{% endfor %}",
  // Ways out of the template into files and code.
  "{% include '/etc/passwd' %}",
  "{% extends '/etc/passwd' %}",
  "{% import 'os' as os %}",
  "{% from 'os' import popen %}",
  "{{ inputs|tojson(indent=process) }}",
  // Those of others' templates are text, or no template at all.
  "<%= process.env %>",
  "${process.env}",
  "#{process.env}",
  "{{= process.env }}",
  "{{#with (lookup this 'constructor')}}{{/with}}",
  "{{{ process }}}",
];

describe("A22 nothing in an expression reaches the host:", () => {
  test.each(PAYLOADS)("%s", async (payload) => {
    const result = await outcome(payload, { x: "data" });
    // Text of another engine's marks comes out as it went in; nothing was done with it.
    if (result === JSON.stringify(payload) || result === JSON.stringify({ a: payload })) return;
    expect(result).not.toMatch(HOST);
    expect(result).not.toContain("49");
  });

  test("conditions, items, loops and outputs are held to the same", async () => {
    const attack = "inputs.constructor.constructor('return process')()";
    const steps = [
      { id: "w", type: "template", when: attack, template: "x" },
      { id: "s", type: "switch", cases: [{ name: "c", when: attack }] },
      { id: "f", type: "for_each", items: `{{ ${attack} }}`, steps: [{ id: "i", type: "template", template: "x" }] },
      { id: "l", type: "loop", until: attack, steps: [{ id: "j", type: "template", template: "x" }] },
      { id: "g", type: "assign", variables: { v: `{{ ${attack} }}` } },
    ];
    for (const step of steps) {
      const source = JSON.stringify({ name: "place", steps: [step] });
      if (weft.workflows.validate(source).plan === null) continue;
      await weft.workflows.publish(source);
      const { run } = await weft.runs.start({ workflow: "place" });
      const ended = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
      expect([step.id, ended?.status]).toEqual([step.id, "failed"]);
      expect(JSON.stringify(ended)).not.toMatch(/native code|uid=/);
    }
  });
});

describe("A23 what would take for ever or fill the memory ends at a budget, and the engine goes on:", () => {
  test.each<[fact: string, template: string]>([
    ["an endless loop", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"],
    ["a text repeated 10^9 times", "{{ 'a' * 10**9 }}"],
    ["a range of 10^9", "{{ range(10**9) | list }}"],
    [
      "a text doubled 99 times",
      "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    ],
    [
      "a list doubled 99 times",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
    ],
    ["a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"],
    [
      "two macros that call each other twice",
      "{% macro a(n) %}{{ b(n) }}{{ b(n) }}{% endmacro %}{% macro b(n) %}{{ a(n) }}{{ a(n) }}{% endmacro %}{{ a(1) }}",
    ],
    ["a list inside itself", "{% set l = [] %}{% do l.append(l) %}{{ l | tojson }}"],
    ["a field of 10^9 characters", "{{ 'x'.center(10**9) }}"],
    ["a power with a million digits", "{{ 10 ** (10 ** 6) }}"],
  ])("%s", async (_fact, template) => {
    const result = await outcome(template);
    expect(result).toMatch(/^(?:failed: EXPRESSION_(?:LIMIT|ERROR)|refused: )/);
    expect(await outcome("{{ 1 + 1 }}")).toContain("2");
  });

  test("the budget of operations is 100,000, and a template within it passes", () => {
    const loop = (times: number) => `{% for i in range(${times}) %}{{ i }}{% endfor %}`;
    const run = (source: string): unknown => {
      const parsed = parseTemplate(source);
      if (!parsed.ok) throw new Error("the template cannot be read");
      return renderTemplate(parsed.template, { lookup: () => undefined });
    };
    expect(String(run(loop(1000)))).toHaveLength(2890);
    expect(() => run(loop(100_001))).toThrow(AppError);
  });
});

describe("A24 text that comes from outside is never read as a template:", () => {
  const EVIL = "{{ 7 * 191 }}{% for x in range(3) %}x{% endfor %}{# c #}{{ inputs.other }}";

  test("an input, the answer of a model, the items of a list and what is joined from two", async () => {
    const source = JSON.stringify({
      name: "echo",
      steps: [
        { id: "direct", type: "template", template: "got {{ inputs.text }}" },
        { id: "again", type: "template", template: "{{ steps.direct.output }}", depends_on: ["direct"] },
        { id: "model", type: "model_inference", model: "builtin/echo", prompt: "{{ steps.again.output }}" },
        { id: "after", type: "template", template: "[{{ steps.model.output }}]" },
        { id: "half", type: "template", template: "{{ '{' }}{{ '{ 7 * 191 }' }}{{ '}' }}" },
        { id: "halves", type: "template", template: "{{ steps.half.output }}" },
        {
          id: "each",
          type: "for_each",
          items: "{{ [inputs.text, steps.after.output] }}",
          steps: [{ id: "one", type: "template", template: "{{ item }}" }],
        },
        { id: "map", type: "template", template: "{{ {inputs.text: inputs.text} | tojson }}" },
        { id: "condition", type: "template", when: "inputs.text == 'x' or true", template: "{{ inputs.text }}" },
      ],
      outputs: {
        all: "{{ [steps.direct.output, steps.again.output, steps.after.output, steps.halves.output, steps.each.output, steps.map.output, steps.condition.output] }}",
        whole: "{{ inputs.text }}",
      },
    });
    await weft.workflows.publish(source);
    const { run } = await weft.runs.start({ workflow: "echo", inputs: { text: EVIL, other: "SECRET" } });
    const ended = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
    expect([ended?.status, ended?.error ?? null]).toEqual(["succeeded", null]);
    const { all, whole } = ended!.outputs as { all: unknown[]; whole: string };
    expect(whole).toBe(EVIL);
    expect(all.slice(0, 2)).toEqual([`got ${EVIL}`, `got ${EVIL}`]);
    expect(all[3]).toBe("{{ 7 * 191 }}");
    const text = JSON.stringify(ended!.outputs);
    expect(text).not.toContain("1337");
    expect(text).not.toContain("SECRET");
    expect(text).not.toMatch(/(?<!range\(3\) %})xxx/);
  });

  test("the payload of a signal and the form of an approval", async () => {
    await weft.workflows.publish(
      JSON.stringify({
        name: "told",
        steps: [
          { id: "s", type: "wait", signal: "go" },
          { id: "ok", type: "approval", depends_on: ["s"] },
          {
            id: "t",
            type: "template",
            depends_on: ["ok.approved"],
            template: "{{ steps.s.output }}|{{ steps.ok.output.form.note }}",
          },
        ],
      }),
    );
    const { run } = await weft.runs.start({ workflow: "told", id: "told" });
    await expect.poll(async () => (await weft.runs.get(run.id))?.waiting_for?.step).toBe("s");
    await weft.runs.signal(run.id, { name: "go", payload: EVIL });
    await expect.poll(async () => (await weft.runs.get(run.id))?.waiting_for?.step).toBe("ok");
    await weft.runs.decide(run.id, { step: "ok", approved: true, form: { note: EVIL } });
    const ended = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
    expect(JSON.stringify(ended!.outputs)).toContain(JSON.stringify(`${EVIL}|${EVIL}`).slice(1, -1));
    expect(JSON.stringify(ended!.outputs)).not.toContain("1337");
  });
});
