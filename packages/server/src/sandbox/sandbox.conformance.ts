import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json } from "@weftwork/core";
import type { Sandbox, SandboxJob, SandboxLimits, SandboxResult } from "./sandbox.ts";

/** The same small programs in each language. `body` stands in a function `main(x)` or is the whole text. */
export interface Dialect {
  /** `main` that returns the expression; `x` is its argument. */
  returns(expression: string): string;
  readonly endless: string;
  readonly throwing: string;
  readonly syntaxError: string;
  readonly withoutMain: string;
  /** Takes memory until there is none. */
  readonly hungry: string;
  /** Returns a text of so many characters. */
  large(length: number): string;
  readonly notJson: string;
  /** Prints "hello" and then a warning "careful" on the error channel. */
  readonly printing: string;
  /** Prints a line of 1,000 characters a million times. */
  readonly loud: string;
  /** Leaves something in every place that a later job could look into. */
  readonly leaving: string;
  /** Returns "clean", or what it found of `leaving`. */
  readonly looking: string;
  readonly recursive: string;
  /** Replaces what the border uses to read and write JSON, then returns 1. */
  readonly tampering: string;
}

const LIMITS: SandboxLimits = { timeMs: 10_000, memoryBytes: 128 * 1024 * 1024, outputBytes: 100_000 };

export function job(code: string, options: Partial<SandboxJob> = {}): SandboxJob {
  return {
    reuse: "acme/1",
    code,
    call: "value",
    input: null,
    limits: LIMITS,
    signal: new AbortController().signal,
    log: () => undefined,
    ...options,
  };
}

/** What every sandbox promises (X1-X3), whatever its language. */
export function sandboxConformance(name: string, open: () => Sandbox, dialect: Dialect): void {
  describe(name, () => {
    let sandbox: Sandbox;
    beforeAll(() => {
      sandbox = open();
    });
    afterAll(() => sandbox.close());
    const run = (code: string, options?: Partial<SandboxJob>): Promise<SandboxResult> =>
      sandbox.run(job(code, options));

    test.each<Json>([
      null,
      true,
      0,
      -1.5,
      1e21,
      "",
      'quote " backslash \\ line\n end',
      "𝒳 中文 \u2028",
      [],
      {},
      [[1], { a: null }],
      { __proto__x: 1, "": 2 },
    ])("what main is given it can give back: %j", async (value) => {
      expect(await run(dialect.returns("x"), { input: value })).toEqual({ type: "completed", value });
    });

    test("an error of the code is its result, with a sentence and a place", async () => {
      const result = await run(dialect.throwing);
      expect(result).toMatchObject({ type: "failed", message: expect.stringContaining("too bad") as string });
      expect((result as { at: string }).at).toMatch(/line 2/);
    });

    test("a text that cannot be parsed is told with its place", async () => {
      expect(await run(dialect.syntaxError)).toMatchObject({
        type: "failed",
        at: expect.stringMatching(/line 2/) as string,
      });
    });

    test("a text without main says what to write", async () => {
      expect(await run(dialect.withoutMain)).toMatchObject({
        type: "failed",
        message: expect.stringContaining("no function main") as string,
      });
    });

    test("what is not JSON is refused", async () => {
      expect(await run(dialect.notJson)).toMatchObject({ type: "failed" });
    });

    test("an endless loop ends at its time, and the next job is done", async () => {
      const limits = { ...LIMITS, timeMs: 300 };
      expect(await run(dialect.endless, { limits })).toMatchObject({ type: "stopped", limit: "time" });
      expect(await run(dialect.returns("x"), { input: 1 })).toEqual({ type: "completed", value: 1 });
    });

    test("a hungry job ends at its memory, and the next job is done", async () => {
      expect(await run(dialect.hungry)).toMatchObject({ type: "stopped", limit: "memory" });
      expect(await run(dialect.returns("x"), { input: 1 })).toEqual({ type: "completed", value: 1 });
    });

    test("endless recursion is an error of the code", async () => {
      expect(await run(dialect.recursive)).toMatchObject({ type: "failed" });
      expect(await run(dialect.returns("x"), { input: 1 })).toEqual({ type: "completed", value: 1 });
    });

    test("a result up to the limit passes, and one above it does not", async () => {
      expect(await run(dialect.large(99_998))).toMatchObject({ type: "completed" });
      expect(await run(dialect.large(99_999))).toMatchObject({ type: "stopped", limit: "output" });
    });

    test("a job beside a stopped one is not disturbed", async () => {
      const limits = { ...LIMITS, timeMs: 300 };
      const beside = Promise.all([1, 2, 3].map((input) => run(dialect.returns("x"), { input })));
      expect(await run(dialect.endless, { limits })).toMatchObject({ limit: "time" });
      expect(await beside).toEqual([1, 2, 3].map((value) => ({ type: "completed", value })));
    });

    test("what is printed comes as lines with their level, in order", async () => {
      const lines: string[] = [];
      await run(dialect.printing, { log: (level, line) => lines.push(`${level}: ${line}`) });
      expect(lines.slice(0, 2)).toEqual(["info: hello", expect.stringMatching(/^(?:warn|error): careful$/)]);
    });

    test("printing without end is cut off at the limit, with a word about it", async () => {
      let bytes = 0;
      let last = "";
      const result = await run(dialect.loud, {
        log: (_, line) => {
          bytes += line.length;
          last = line;
        },
      });
      expect(["completed", "stopped"]).toContain(result.type);
      expect(bytes).toBeLessThan(2 * LIMITS.outputBytes);
      expect(last).toContain("left out");
    });

    test("a job finds nothing of the one before it, of the same workflow or of another", async () => {
      await run(dialect.leaving);
      expect(await run(dialect.looking)).toEqual({ type: "completed", value: "clean" });
      expect(await run(dialect.looking, { reuse: "other/1" })).toEqual({ type: "completed", value: "clean" });
    });

    test("code that replaces the tools of the border changes its own world only", async () => {
      expect(await run(dialect.tampering)).toEqual({ type: "completed", value: 1 });
      expect(await run(dialect.returns("x"), { input: { a: 2 } })).toEqual({ type: "completed", value: { a: 2 } });
    });

    test("an aborted job ends at once", async () => {
      const aborter = new AbortController();
      const running = run(dialect.endless, { signal: aborter.signal });
      aborter.abort();
      expect(await running).toEqual({ type: "aborted" });
      expect(await run(dialect.returns("x"), { input: 1 })).toEqual({ type: "completed", value: 1 });
    });

    test("more jobs than interpreters are all done", async () => {
      const inputs = Array.from({ length: 20 }, (_, at) => at);
      const results = await Promise.all(inputs.map((input) => run(dialect.returns("x"), { input })));
      expect(results).toEqual(inputs.map((value) => ({ type: "completed", value })));
    });

    test("closing ends what runs", async () => {
      const other = open();
      const running = other.run(job(dialect.endless));
      await other.close();
      expect(await running).toEqual({ type: "aborted" });
      expect(await other.run(job(dialect.returns("x")))).toEqual({ type: "aborted" });
    });
  });
}
