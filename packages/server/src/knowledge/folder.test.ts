import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { documentReader } from "../documents/reader.ts";
import { docxOf, paragraph, pdfOf } from "../documents/documents.testing.ts";
import { readFilter } from "./filter.ts";
import { folderRetriever } from "./folder.ts";
import { CHINESE, ENGLISH, type Passage } from "./handbook.testing.ts";
import type { RetrievedChunk, RetrieveOptions, Retriever } from "./retrieve.ts";

const documents = documentReader();
afterAll(() => documents.close());

let folder: string;
let clock: number;
let problems: string[];
let retriever: Retriever;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-dataset-"));
  const made = folder;
  onTestFinished(() => rm(made, { recursive: true }));
  [clock, problems] = [0, []];
  retriever = folderRetriever({
    folders: { book: folder, gone: join(folder, "not-there") },
    documents,
    now: () => clock,
    problem: (message, error) => void problems.push(`${message}: ${(error as { code: string }).code}`),
  });
});

function ask(query: string, more: Partial<RetrieveOptions> = {}, dataset = "book"): Promise<readonly RetrievedChunk[]> {
  const options = { topK: 4, scoreThreshold: null, filter: null, signal: AbortSignal.timeout(20_000) };
  return retriever.retrieve("default", dataset, query, { ...options, ...more });
}

async function names(query: string, more: Partial<RetrieveOptions> = {}): Promise<readonly string[]> {
  return (await ask(query, more)).map(({ document }) => document.name);
}

const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content);

describe("finding", () => {
  test.each([
    ["English", ENGLISH],
    ["Chinese", CHINESE],
  ])("%s questions find their passage among those of both languages", async (language, asked: readonly Passage[]) => {
    for (const { name, text } of [...ENGLISH, ...CHINESE]) await put(`${name}.txt`, text);
    let [first, amongThree, all] = [0, 0, 0];
    for (const { name, questions } of asked) {
      for (const question of questions) {
        const place = (await names(question, { topK: 3 })).indexOf(`${name}.txt`);
        all += 1;
        if (place === 0) first += 1;
        if (place >= 0) amongThree += 1;
      }
    }
    process.stderr.write(`retrieval, ${language}: first ${first}/${all}, among three ${amongThree}/${all}\n`);
    expect(all).toBe(24);
    expect(first).toBeGreaterThanOrEqual(21);
    expect(amongThree).toBe(24);
  });

  test("a chunk tells its place, its headings and what is known of its document", async () => {
    await mkdir(join(folder, "hr"));
    await put("hr/leave.md", "---\nlang: en\ntags: [hr]\n---\n# Rules\n## Leave\nThere are 28 days of leave.\n");
    await utimes(join(folder, "hr/leave.md"), 1_700_000_000, 1_700_000_000);
    const [chunk] = await ask("days of leave");
    expect(chunk).toMatchObject({
      content: "# Rules\n## Leave\nThere are 28 days of leave.",
      dataset: { id: "book", name: "book" },
      document: {
        name: "leave.md",
        metadata: {
          lang: "en",
          tags: ["hr"],
          document_name: "leave.md",
          path: "hr/leave.md",
          extension: "md",
          last_update_date: 1_700_000_000,
        },
      },
      segment: { position: 1, start: 0, end: 44, words: 8 },
    });
    expect(chunk!.segment.id).toBe(`${chunk!.document.id}-1`);
    expect(chunk!.score).toBeGreaterThan(0);
    expect(chunk!.score).toBeLessThan(1);
  });

  test("documents of all kinds are found, HTML by its text", async () => {
    await put("a.pdf", pdfOf(["The walrus sings."]));
    await put("b.docx", docxOf(paragraph("海象在唱歌")));
    await put("c.html", "<p>The <b>sea</b>gull sleeps.</p>");
    expect(await names("walrus")).toEqual(["a.pdf"]);
    expect(await names("海象")).toEqual(["b.docx"]);
    expect((await ask("seagull")).map(({ content }) => content)).toEqual(["The seagull sleeps."]);
  });

  test("the best come first, equal ones in the order of their paths, as many as are wanted", async () => {
    await put("b.txt", "apple pear");
    await put("a.txt", "apple pear");
    await put("c.txt", "apple apple apple");
    expect(await names("apple")).toEqual(["c.txt", "a.txt", "b.txt"]);
    expect(await names("apple", { topK: 2 })).toEqual(["c.txt", "a.txt"]);
    const [best, next] = await ask("apple");
    expect(await names("apple", { scoreThreshold: (best!.score + next!.score) / 2 })).toEqual(["c.txt"]);
    expect(await ask("melon")).toEqual([]);
    expect(await ask("?!")).toEqual([]);
  });

  test("a filter leaves out documents before they are counted", async () => {
    for (let at = 0; at < 6; at++) await put(`n${at}.md`, `---\nyear: ${2020 + at}\n---\nthe yearly report`);
    const filter = readFilter({ year: { ">=": 2024 } });
    expect(await names("report", { filter, topK: 2 })).toEqual(["n4.md", "n5.md"]);
  });
});

describe("the folder", () => {
  test("what is new, changed or gone is so from the next look on", async () => {
    await put("a.txt", "apple");
    expect(await names("apple")).toEqual(["a.txt"]);
    await put("a.txt", "pear and plum");
    await put("b.txt", "apple");
    expect(await names("apple")).toEqual(["a.txt"]);
    clock += 2000;
    expect(await names("apple")).toEqual(["b.txt"]);
    expect(await names("plum")).toEqual(["a.txt"]);
    await rm(join(folder, "b.txt"));
    clock += 2000;
    expect(await names("apple")).toEqual([]);
  });

  test("a document that cannot be read is told of once, and the others are found", async () => {
    await put("a.txt", "apple");
    await put("b.pdf", "apple, but no PDF");
    await put("c.exe", "apple");
    expect(await names("apple")).toEqual(["a.txt"]);
    clock += 2000;
    await put("d.txt", "apple");
    expect(await names("apple")).toEqual(["a.txt", "d.txt"]);
    expect(problems).toEqual([
      "the file b.pdf of the dataset book is left out: DOCUMENT_UNREADABLE",
      "the file c.exe of the dataset book is left out: DOCUMENT_TYPE_UNKNOWN",
    ]);
  });

  test("links and hidden files are not read", async () => {
    const outside = await mkdtemp(join(tmpdir(), "weft-outside-"));
    onTestFinished(() => rm(outside, { recursive: true }));
    await writeFile(join(outside, "secret.txt"), "apple");
    await symlink(join(outside, "secret.txt"), join(folder, "link.txt"));
    await symlink(outside, join(folder, "below"));
    await put(".hidden.txt", "apple");
    expect(await names("apple")).toEqual([]);
  });

  test("a dataset that is not there is an error with those that are", async () => {
    await expect(ask("x", {}, "boook")).rejects.toMatchObject({
      code: "DATASET_NOT_FOUND",
      message: expect.stringContaining("Known: book, gone.") as string,
    });
  });

  test("a folder that is not there is an error, and found when it comes", async () => {
    await expect(ask("x", {}, "gone")).rejects.toMatchObject({ code: "DATASET_UNREADABLE" });
    await mkdir(join(folder, "not-there"));
    expect(await ask("x", {}, "gone")).toEqual([]);
  });

  test("one that asks no longer leaves, and the next gets the answer", async () => {
    await put("a.txt", "apple");
    const controller = new AbortController();
    const reason = new Error("left");
    const asking = ask("apple", { signal: controller.signal });
    controller.abort(reason);
    await expect(asking).rejects.toBe(reason);
    expect(await names("apple")).toEqual(["a.txt"]);
  });
});
