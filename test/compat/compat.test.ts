import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AppError } from "@weftwork/core";
import { compatBench, type CompatBench } from "./bench.ts";
import { CASES, type Case } from "./cases.ts";

/** Files of our own that say what the fixtures of Dify's own tests say, and those themselves where they are at hand. */
const OWN = join(import.meta.dirname, "fixtures");
const SHARED = process.env["WEFT_SHARED"] === undefined ? null : join(process.env["WEFT_SHARED"], "dify-dsl/fixtures");
const folders = [OWN, ...(SHARED !== null && existsSync(SHARED) ? [SHARED] : [])];
if (folders.length === 1)
  process.stdout.write("skipped: Dify's own fixtures (WEFT_SHARED names no folder with dify-dsl)\n");

let bench: CompatBench;
beforeAll(async () => void (bench = await compatBench()));
afterAll(() => bench.close());

describe.each(folders)("the fixtures in %s", (folder) => {
  const passed = new Map<string, boolean>();
  afterAll(() => {
    const good = [...passed].filter(([, one]) => one).length;
    process.stdout.write(`compatibility: ${good} of ${passed.size} fixtures pass (${folder})\n`);
  });

  test.each(CASES.map((one) => [`${one.file} with ${JSON.stringify(one.inputs ?? {}).slice(0, 60)}`, one] as const))(
    "%s",
    async (_, one) => {
      const before = passed.get(one.file) ?? true;
      passed.set(one.file, false);
      await check(readFileSync(join(folder, `${one.file}.yml`), "utf8"), one);
      passed.set(one.file, before);
    },
  );
});

async function check(
  source: string,
  { inputs = {}, script, output, fails, status, exceptions, order }: Case,
): Promise<void> {
  const refused = fails !== undefined && status === undefined;
  if (refused) {
    const error = await bench.run(source, inputs, script).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).message).toContain(fails);
    return;
  }
  const { run, lines } = await bench.run(source, inputs, script);
  if (output !== undefined) {
    expect(run.error).toBeNull();
    expect(run.outputs).toEqual(output);
  }
  if (fails !== undefined) expect(run.error?.message).toContain(fails);
  expect(run.dify?.status).toBe(status ?? "succeeded");
  if (status !== "failed") expect(run.dify?.exceptions_count).toBe(exceptions ?? 0);
  const mode =
    output !== undefined && typeof output === "object" && output !== null && "answer" in output && "files" in output;
  if (mode) expect(lines.filter((line) => !line.startsWith("+")).join("")).toBe((output as { answer: string }).answer);
  if (order) expect(inOrder(lines, order)).toEqual(order);
  if (status === "paused") await bench.composition.engine.runs.cancel(run.id);
}

/** The wanted lines that are found, each behind the one before. Pieces of text may come as one, or in more. */
function inOrder(lines: readonly string[], wanted: readonly string[]): readonly string[] {
  const mark = (line: string): string => (line.startsWith("+") ? `[${line}]` : line);
  const transcript = lines.map(mark).join("");
  let from = 0;
  return wanted.filter((line) => {
    const at = transcript.indexOf(mark(line), from);
    if (at >= 0) from = at + mark(line).length;
    return at >= 0;
  });
}
