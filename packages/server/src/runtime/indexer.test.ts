import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryBlobs } from "../blob/memory.ts";
import type { Journal, RunHead } from "../journal/journal.ts";
import { memorySearch } from "../search/memory.ts";
import type { SearchIndex } from "../search/search.ts";
import { TestBench, turn, type TestProcess } from "./engine.testing.ts";
import type { Clock } from "./clock.ts";
import { Indexer, SETTLE_MS } from "./indexer.ts";
import { Payloads } from "./payloads.ts";
import { searchRuns, type FoundRuns } from "./search.ts";
import { askedWords, matches, wordsOf } from "./search-words.ts";

describe("words", () => {
  const finds = (text: string, question: string): boolean => matches(wordsOf(text), askedWords(question));

  test.each([
    ["The Quick brown-fox", "quick FOX", true],
    ["The quick brown fox", "quic", false],
    ["今天天气很好", "天气", true],
    ["今天天气很好", "好", true],
    ["今天天气很好", "气天", false],
    ["今天 天气", "今天天气", false],
    ["Weftwork 工作流引擎 v2", "引擎 weftwork", true],
    ["STEP_FAILED: it broke", "step_failed", true],
    ["ｆｕｌｌ ｗｉｄｔｈ", "full width", true],
    ["ひらがなカタカナ", "がな", true],
    ["Straße", "STRASSE", false],
    ["order 4711", "4711", true],
  ])("of %s: %s is there: %s", (text, question, is) => {
    expect(finds(text, question)).toBe(is);
  });

  test("any part of a text between two marks is found in it", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
    const signs = fc.array(fc.constantFrom(..."今天气很好工作流引擎"), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(word, signs), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.nat(),
        (parts, at, cut) => {
          const text = parts.map((part) => (typeof part === "string" ? part : part.join(""))).join(" ");
          const picked = parts[at % parts.length]!;
          const asked = typeof picked === "string" ? picked : picked.slice(cut % picked.length).join("");
          expect(finds(text, asked)).toBe(true);
        },
      ),
    );
  });

  test("nothing can be asked of marks alone", () => {
    expect(askedWords("!? -- ...")).toEqual([]);
  });
});

describe("the index behind the journal", () => {
  const bench = { current: new TestBench() };
  let process: TestProcess;
  let index: SearchIndex;
  let indexer: Indexer;
  let reads: number;
  let payloads: Payloads;
  let journal: Journal;

  /** How far the indexer's time is ahead of the runs'; their leases need not be renewed then. */
  let ahead: number;
  let clock: Clock;

  beforeEach(async () => {
    ahead = 0;
    bench.current = new TestBench();
    const { now, monotonic, after, soon } = bench.current.clock;
    clock = { now: () => now() + ahead, monotonic, after, soon };
    process = await bench.current.start();
    await bench.current.publish(process, {
      name: "say",
      steps: [{ id: "s", type: "step", value: "done" }],
    });
    await bench.current.publish(process, { name: "hold", steps: [{ id: "held", type: "step", value: "late" }] });
    index = memorySearch();
    reads = 0;
    journal = new Proxy(bench.current.journal, {
      get: (target, name: keyof Journal) => {
        if (name === "read") reads += 1;
        const member: unknown = target[name];
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    payloads = new Payloads(journal, memoryBlobs(), { payloadBytesMax: 1e6, objectBytesMin: Infinity });
    indexer = new Indexer({
      journal,
      payloads,
      index,
      clock,
      tenant: "acme",
      load: () => 0,
      problem,
    });
  });
  afterEach(() => indexer.close());

  const problem = (message: string, error: unknown): void => {
    throw new Error(message, { cause: error });
  };

  async function start(id: string, text: string, workflow = "say"): Promise<void> {
    await process.engine.runs.start({ workflow, id, inputs: { text } });
    await turn();
  }

  async function upToDate(): Promise<void> {
    for (let more = true; more;) more = await indexer.step();
  }

  async function search(
    q: string,
    more: { limit?: number; cursor?: string; status?: readonly RunHead["status"][] } = {},
  ): Promise<FoundRuns> {
    const options = { journal, payloads, index, clock, tenant: "acme" };
    return searchRuns(options, { tenant: "acme", limit: 50, q, ...more });
  }

  const ids = async (...args: Parameters<typeof search>): Promise<string[]> =>
    (await search(...args)).runs.map(({ id }) => id);

  test("a run is found at once, from the journal, and later from the index without reading it", async () => {
    await start("a", "red apple");
    await start("b", "green apple");
    expect(await ids("apple")).toEqual(["b", "a"]);
    expect(await ids("apple red")).toEqual(["a"]);
    expect((await search("apple")).search).toEqual({ indexed_until: null, complete: true });
    ahead += SETTLE_MS + 1;
    await upToDate();
    reads = 0;
    expect(await ids("apple red")).toEqual(["a"]);
    expect(reads).toBe(0);
    const { search: how } = await search("apple");
    expect(how).toEqual({
      indexed_until: new Date(clock.now() - SETTLE_MS).toISOString(),
      complete: true,
    });
  });

  test("a run that was open when it was put is found by what it ended with, before and after it is put again", async () => {
    bench.current.held.add("held");
    await start("a", "first", "hold");
    ahead += SETTLE_MS + 1;
    await upToDate();
    expect(await ids("first")).toEqual(["a"]);
    expect(await ids("pomegranate")).toEqual([]);
    await bench.current.release(bench.current.calls.at(-1)!, "a pomegranate");
    expect(await ids("pomegranate")).toEqual(["a"]);
    expect(await index.open(5)).toHaveLength(1);
    ahead += 6000;
    await upToDate();
    expect(await index.open(5)).toEqual([]);
    expect(await ids("pomegranate first")).toEqual(["a"]);
  });

  test("pages meet without gap or repeat across what is indexed and what is not, with other filters", async () => {
    for (let at = 0; at < 12; at++) {
      await start(`run_${at}`, at % 3 === 0 ? "plain" : "wanted");
      await bench.current.clock.advance(1);
      ahead = SETTLE_MS;
      if (at === 6) await upToDate();
    }
    expect(await index.progress()).toBeGreaterThan(0);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: FoundRuns = await search("wanted", { limit: 2, ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.runs.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([11, 10, 8, 7, 5, 4, 2, 1].map((at) => `run_${at}`));
    expect(await ids("wanted", { status: ["failed"] })).toEqual([]);
    expect(await ids("wanted", { status: ["succeeded"] })).toHaveLength(8);
  });

  test.each(["progress", "find", "open"] as const)(
    "that does not answer (%s) is a store that does not answer",
    async (name) => {
      index = Object.assign(memorySearch(), { [name]: () => Promise.reject(new Error("disk I/O error")) });
      await expect(search("apple")).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        details: { reason: "the search index: disk I/O error" },
      });
    },
  );

  test("what retention deleted is found no more, and leaves the index", async () => {
    await start("a", "gone");
    ahead += SETTLE_MS + 1;
    await upToDate();
    await bench.current.journal.prune(bench.current.clock.now() + 1);
    expect(await ids("gone")).toEqual([]);
    ahead += 61_000;
    await upToDate();
    expect(await index.oldest(5)).toEqual([]);
  });

  test("an index that is new begins at the first run and reaches the last", async () => {
    for (let at = 0; at < 450; at++) await process.engine.runs.start({ workflow: "say", inputs: { text: `n${at}` } });
    await turn();
    await start("last", "n449");
    ahead = 400 * 24 * 3_600_000;
    ahead += SETTLE_MS + 1;
    await upToDate();
    reads = 0;
    for (const at of [0, 199, 200, 448]) expect(await ids(`n${at}`)).toHaveLength(1);
    expect(await ids("n449")).toHaveLength(2);
    expect(reads).toBe(0);
  });

  test("a question without a word, and a cursor that no page gave, are refused", async () => {
    await expect(search("?!")).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await expect(search("a", { cursor: "nonsense" })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });
});
