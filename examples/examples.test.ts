import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWeft, type JsonObject, type Run, type Weft } from "weftwork";

const folder = import.meta.dirname;
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("the examples", () => {
  let weft: Weft;
  beforeAll(async () => {
    weft = await openWeft();
    for (const name of ["summarize", "review-triage", "each-document", "image-processing"])
      await weft.workflows.publish(read(`${name}.yaml`));
  });
  afterAll(() => weft.close());

  async function ended(workflow: string, inputs: JsonObject): Promise<Run> {
    const { run } = await weft.runs.start({ workflow, inputs });
    return (await weft.runs.wait(run.id, { timeoutMs: 30_000 }))!;
  }

  it.each(["data/gettysburg-address.txt", "data/alice.txt", "data/taohuayuan.txt"])(
    "summarize picks its sentences from %s itself",
    async (file) => {
      const text = read(file);
      const run = await ended("summarize", { text, sentences: 2 });
      expect(run.error).toBeNull();
      const report = String(run.outputs!["report"]);
      const [summary, phrases] = report.split("\n\nKey phrases: ") as [string, string];
      const sentences = summary.split(/(?<=[.。!?！？”])\s*/u).filter((sentence) => sentence.trim().length > 0);
      expect(sentences.length).toBeGreaterThan(0);
      const flat = text.replaceAll(/\s+/g, " ");
      for (const sentence of sentences) expect(flat).toContain(sentence.trim().replaceAll(/\s+/g, " "));
      expect(summary.length).toBeLessThan(text.length / 2);
      expect(phrases.split(/, |、/).length).toBeGreaterThan(2);
    },
  );

  it.each([
    ["The kettle broke after two days. I want my money back.", "refund", /^Open a refund case/],
    ["Terrible quality, very disappointed, it is broken and useless.", "complaint", /^Answer within a day/],
    ["Wonderful, I love it, excellent and great quality!", "thanks", /^Say thank you/],
  ])("review-triage answers %j by the way %s and skips the others", async (review, way, action) => {
    const run = await ended("review-triage", { review });
    expect(run.outputs!["action"]).toMatch(action);
    const { steps } = (await weft.runs.task(run.id))!;
    const statusOf = (name: string): string => steps.find((step) => step.name === name)!.status;
    expect(statusOf(way)).toBe("completed");
    for (const other of ["refund", "complaint", "thanks", "by_hand"])
      if (other !== way) expect(statusOf(other)).toBe("skipped");
  });

  it("each-document keeps the order of the documents", async () => {
    const documents = Array.from({ length: 12 }, (_, i) => `Document ${i} speaks of item ${i}.`);
    const run = await ended("each-document", { documents: [...documents, read("data/gettysburg-address.txt")] });
    const summaries = run.outputs!["summaries"] as unknown as { position: number; summary: string }[];
    expect(summaries.map(({ position }) => position)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1));
    expect(summaries[3]!.summary).toContain("Document 3");
    expect((run.outputs!["longest"] as JsonObject)["position"]).toBe(13);
  });

  it("image-processing is right, and says which of its steps this machine cannot run", async () => {
    const { problems, unavailable } = weft.workflows.validate(read("image-processing.yaml"));
    expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
    expect(unavailable.map(({ step }) => step)).toEqual(["preprocess", "postprocess"]);
  });

  it("an input that does not fit is refused with its place", async () => {
    await expect(weft.runs.start({ workflow: "summarize", inputs: { sentences: 0 } })).rejects.toMatchObject({
      code: "INVALID_INPUTS",
    });
  });
});
