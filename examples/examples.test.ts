import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWeft, type JsonObject, type Run, type RunMessage, type Weft } from "weftwork";
import { parcelService } from "./services/parcels.ts";

const folder = import.meta.dirname;
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("the examples", () => {
  let weft: Weft;
  beforeAll(async () => {
    weft = await openWeft({ containers: "off" });
    // As a fresh server does it: all of them, in the order of their names.
    for (const name of readdirSync(folder).toSorted())
      if (/(?<!\.test)\.yaml$/.test(name)) await weft.workflows.publish(read(name));
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

  it("nested makes one line of each text, with the gist that text-profile finds in it", async () => {
    const texts = ["A loom weaves cloth. It is old.", "Ships carry tea. Tea ships are fast."];
    const page = String((await ended("nested", { texts })).outputs!["page"]);
    expect(page).toMatch(/^1\. .+ \(.+\)\n+2\. .+ \(.+\)$/);
    const [first, second] = page.split(/\n+2\. /) as [string, string];
    expect(first).toMatch(/loom|It is old/);
    expect(second).toMatch(/[Tt]ea/);
  });

  it("approval waits for a person, and goes the way that is chosen", async () => {
    const inputs = { order: "A-1", amount: 80, letter: "The kettle broke. I am angry." };
    const { run } = await weft.runs.start({ workflow: "approval", inputs });
    await status(run.id, "waiting");
    const waiting = (await weft.runs.get(run.id))!.waiting_for!;
    expect([waiting.code, waiting.step]).toEqual(["approval", "decide"]);
    await weft.runs.decide(run.id, { step: "decide", approved: true, by: "lin", form: { amount: 60 } });
    const { outputs } = (await weft.runs.wait(run.id, { timeoutMs: 10_000 }))!;
    expect(outputs).toEqual({ answer: "We pay back 60 for order A-1.", decided_by: "lin" });
  });

  it("streaming-answer shows the model's words while it writes, and keeps the whole", async () => {
    const inputs = { document: read("data/alice.txt"), question: "Who was beginning to get very tired?" };
    const { run } = await weft.runs.start({ workflow: "streaming-answer", inputs });
    const messages: RunMessage[] = [];
    for await (const message of weft.runs.events(run.id)) messages.push(message);
    const reply = String((await weft.runs.get(run.id))!.outputs!["reply"]);
    expect(reply).toContain("Alice");
    const written = messages.filter(({ event, data }) => event === "text_delta" && data["node"] === "write");
    const text = written.map(({ data }) => String(data["text"])).join("");
    // What was said before somebody listened may be missing, and what is heard is part of the whole.
    expect(`${reply}\n`).toContain(text.trim());
  });

  it("long-loop is cancelled in the middle, and goes on at the round that one names", async () => {
    const pages = Array.from({ length: 8 }, (_, i) => `Page ${i} tells of thing ${i}.`);
    const { run } = await weft.runs.start({ workflow: "long-loop", inputs: { pages, pause: 0.05 } });
    await seen(run.id, ({ event, data }) => event === "task_completed" && data["scope"] === "read#4");
    await weft.runs.cancel(run.id, "enough for today");
    const cancelled = (await weft.runs.wait(run.id, { timeoutMs: 10_000 }))!;
    expect([cancelled.status, cancelled.outputs]).toEqual(["cancelled", null]);
    const again = await weft.runs.rerun(run.id, { scope: "read#3", node: "note" });
    const whole = (await weft.runs.wait(again.run.id, { timeoutMs: 30_000 }))!;
    expect([whole.error, whole.outputs!["pages"]]).toEqual([null, 8]);
    expect(whole.outputs!["notes"]).toHaveLength(8);
    const worked = new Set<string>();
    for await (const { event, data } of weft.runs.events(again.run.id))
      if (event === "task_completed" && data["node"] === "note" && !data["copied_from"])
        worked.add(String(data["scope"]));
    // The first three rounds are taken over from the run that was cancelled.
    expect([...worked].toSorted()).toEqual(["read#3", "read#4", "read#5", "read#6", "read#7"]);
  });

  describe("call-a-service, with the service that comes with it", () => {
    const asked: string[] = [];
    const service = parcelService((line) => void asked.push(line));
    let open: Weft;
    beforeAll(async () => {
      await once(service.listen(0, "127.0.0.1"), "listening");
      const address = `127.0.0.1:${(service.address() as AddressInfo).port}`;
      open = await openWeft({ httpAllow: [address] });
      await open.workflows.publish(read("call-a-service.yaml").replaceAll("127.0.0.1:9400", address));
    });
    afterAll(async () => {
      await open.close();
      service.close();
    });

    it.each([
      ["WK1042", /^Parcel WK1042 is on its way, last seen in Suzhou\.$/, true, 3],
      ["WK2001", /^Parcel WK2001 was delivered, last seen in Hangzhou\.$/, true, 1],
      ["WK9999", /^We know no parcel WK9999/, false, 1],
    ])("%s is answered with %s", async (parcel, message, found, requests) => {
      asked.length = 0;
      const { run } = await open.runs.start({ workflow: "call-a-service", inputs: { parcel } });
      const { outputs } = (await open.runs.wait(run.id, { timeoutMs: 30_000 }))!;
      expect(outputs).toEqual({ message: expect.stringMatching(message) as unknown, found });
      expect(asked).toHaveLength(requests);
    });
  });

  async function seen(id: string, isIt: (message: RunMessage) => boolean): Promise<void> {
    for await (const message of weft.runs.events(id)) if (isIt(message)) return;
    throw new Error(`the run ${id} ended before it was seen`);
  }

  async function status(id: string, wanted: Run["status"]): Promise<void> {
    if ((await weft.runs.get(id))!.status === wanted) return;
    for await (const message of weft.runs.events(id))
      if (message.event !== "" && (await weft.runs.get(id))!.status === wanted) return;
  }
});
