import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countSupport, formOf, importDify, type Json, type JsonObject, type Workflow } from "@weftwork/core";
import { compatBench, type CompatBench } from "./bench.ts";
import { COMMUNITY } from "./community-scripts.ts";

/** Files of real people, where they are at hand: every one is imported, and run with a model and services that answer. */
const FOLDER = process.env["WEFT_SHARED"] === undefined ? null : join(process.env["WEFT_SHARED"], "dify-dsl/community");
const files = FOLDER === null || !existsSync(FOLDER) ? [] : readdirSync(FOLDER).toSorted();
if (files.length === 0)
  process.stdout.write("skipped: files of the community (WEFT_SHARED names no folder with dify-dsl)\n");

let bench: CompatBench;
beforeAll(async () => void (bench = await compatBench()));
afterAll(() => bench.close());

const report: string[] = [];
afterAll(() => void process.stdout.write(report.map((line) => `${line}\n`).join("")));

describe.skipIf(files.length === 0)("the files of the community", () => {
  test.each(files)("%s", async (file) => {
    const source = readFileSync(join(FOLDER!, file), "utf8");
    const { workflow, report: found, problems } = importDify(source);
    expect(found).not.toBeNull();
    const counts = countSupport(found!);
    const supported = found!.nodes.length - counts.not_supported;
    const head = `${file}: ${workflow ? "imported" : "refused"}, ${supported}/${found!.nodes.length} nodes supported`;
    if (workflow === null) {
      report.push(`${head}: ${problems.map(({ message, place }) => `line ${place.line}: ${message}`).join(" ")}`);
      expect(problems.every(({ place }) => place.line > 0)).toBe(true);
      return;
    }
    const { inputs = {}, script = {}, status = "succeeded", fails } = COMMUNITY[file] ?? {};
    const { run } = await bench.run(source, { ...(await inputsOf(workflow)), ...inputs }, script);
    const why = run.error === null ? "" : `: ${run.error.step ?? ""} ${run.error.message.slice(0, 160)}`;
    report.push(`${head}, ran to ${run.dify!.status}${why}`);
    expect(run.dify!.status, why).toBe(status);
    if (fails !== undefined) expect(run.error?.message).toContain(fails);
    if (status === "paused") await bench.composition.engine.runs.cancel(run.id);
  });
});

/** Something for every field of the form. */
async function inputsOf({ steps, dify }: Workflow): Promise<JsonObject> {
  const fields = formOf(steps);
  const values: [string, Json][] = [];
  for (const { name, type, options } of fields) values.push([name, await valueOf(type, options)]);
  return { ...Object.fromEntries(values), ...(dify?.mode === "advanced-chat" ? { "sys.query": "hello" } : {}) };
}

async function valueOf(type: string, options: readonly string[]): Promise<Json> {
  const file = async (): Promise<Json> => ({
    ...(await bench.composition.files.put({ name: "a.txt", mimeType: "text/plain" }, bytes())).value,
  });
  if (type === "number") return 1;
  if (type === "select") return options[0] ?? null;
  if (type === "checkbox") return true;
  if (type === "file") return file();
  if (type === "file-list") return [await file()];
  return type === "json_object" || type === "any" ? {} : "text";
}

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("Some words.\nAnd more of them.");
}
