import { describe, expect, test } from "vitest";
import { javascriptSandbox } from "./javascript.ts";
import { job, sandboxConformance } from "./sandbox.conformance.ts";

sandboxConformance("the JavaScript sandbox", () => javascriptSandbox({ threads: 2 }), {
  returns: (expression) => `function main(x) { return ${expression}; }`,
  endless: "function main() { for (;;); }",
  throwing: "function main() {\n  throw new Error('too bad');\n}",
  syntaxError: "function main() {\n  return (;\n}",
  withoutMain: "const x = 1;",
  hungry: "function main() { const kept = []; for (;;) kept.push(new Array(1000).fill({})); }",
  large: (length) => `function main() { return "x".repeat(${length}); }`,
  notJson: "function main() { return 10n; }",
  printing: "function main() { console.log('hello'); console.warn('careful'); }",
  loud: "function main() { const line = 'x'.repeat(1000); for (let i = 0; i < 1e6; i++) console.log(line); }",
  leaving:
    "globalThis.left = 1; Object.prototype.left = 1; Array.prototype.map = () => 'left'; function main() { return 1; }",
  looking:
    "function main() { return globalThis.left ?? ({}).left ?? ([1].map((x) => x + 1)[0] === 2 ? 'clean' : 'left'); }",
  recursive: "function main() { return main() + 1; }",
  tampering:
    "JSON.parse = JSON.stringify = () => 'x'; Object.prototype.toJSON = () => 5; Promise = 1; function main() { return 1; }",
});

describe("code in JavaScript (A35)", () => {
  const sandbox = javascriptSandbox({ threads: 1 });
  const value = async (expression: string): Promise<unknown> => {
    const result = await sandbox.run(job(`function main() { return ${expression}; }`));
    return result.type === "completed" ? result.value : result;
  };

  test.each([
    "process",
    "require",
    "module",
    "fetch",
    "setTimeout",
    "WebAssembly",
    "Worker",
    "Deno",
    "Buffer",
    "postMessage",
  ])("has no %s", async (name) => {
    expect(await value(`typeof ${name} + typeof globalThis["${name}"]`)).toBe("undefinedundefined");
  });

  test.each([
    "Function('return typeof process')()",
    "(0, eval)('typeof process')",
    "(function () {}).constructor.constructor('return typeof process')()",
    "(async () => {}).constructor('return typeof process').constructor('return typeof process')()",
    "console.log.constructor('return typeof process')()",
    "console.log.constructor.constructor('return typeof require')()",
    "Reflect.getPrototypeOf(console.log).constructor('return typeof process')()",
    "[].map.call.constructor('return typeof globalThis.process')()",
    "new (class extends Array { static get [Symbol.species]() { return Function('return typeof process'); } })().concat([1]) && typeof process",
  ])("reaches nothing of the host by %s", async (expression) => {
    expect(await value(expression)).toBe("undefined");
  });

  test.each(["import('node:fs')", "import('data:text/javascript,1')", "import('/etc/passwd')"])(
    "loads no module by %s",
    async (expression) => {
      expect(await value(expression)).toMatchObject({ type: "failed" });
    },
  );

  test("an error of the border shows nothing of the host in its stack", async () => {
    const stack = String(await value("(() => { try { null.x } catch (e) { return e.stack } })()"));
    expect(stack).not.toMatch(/node|file:|worker/i);
    const prepared = await value("((Error.prepareStackTrace = (_, s) => s), String(new Error().stack))");
    expect(String(prepared)).not.toMatch(/node:|file:/);
  });

  test("an async main is waited for, and a promise that nothing resolves is an error", async () => {
    const asynchronous = "async function main(x) { return (await x) + (await Promise.resolve(1)); }";
    expect(await sandbox.run(job(asynchronous, { input: 1 }))).toEqual({ type: "completed", value: 2 });
    const stuck = "function main() { return new Promise(() => {}); }";
    expect(await sandbox.run(job(stuck))).toMatchObject({ type: "failed", message: expect.stringMatching(/promise/) });
  });

  test.each([
    "throw 'text'",
    "throw null",
    "throw { get message() { throw 1; } }",
    "throw new Proxy({}, { get() { throw 1; } })",
  ])("%s fails with a sentence", async (statement) => {
    const result = await sandbox.run(job(`function main() { ${statement}; }`));
    expect(result).toMatchObject({ type: "failed", message: expect.stringMatching(/./) });
  });

  test("2 GB of memory are refused at once", async () => {
    expect(await sandbox.run(job("function main() { return 'x'.repeat(2 ** 30 - 1).length; }"))).toMatchObject({
      type: "stopped",
      limit: "memory",
    });
    expect(await sandbox.run(job("function main() { return new Uint8Array(2 ** 31).length; }"))).toMatchObject({
      type: expect.stringMatching(/failed|stopped/),
    });
  });
});
