import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "./errors.ts";
import type { Json } from "./json.ts";
import { Payload, type EncodedPayload } from "./payload.ts";

/** A store of payloads by hash, as the journal keeps one. */
class Store {
  private readonly texts = new Map<string, string>();

  /** Moves every piece longer than `most` out. */
  keep(payload: Payload, most: number): Payload {
    for (const piece of payload.pieces()) {
      if (piece.reference || piece.size <= most) continue;
      const text = piece.storable();
      const hash = `h${this.texts.size}`;
      this.texts.set(hash, text);
      piece.storedAs(hash, text.length);
    }
    return payload;
  }

  /** Loads what is missing, round by round: a stored list names what it is made of only when it is there itself. */
  load(payload: Payload): number {
    let rounds = 0;
    for (let missing = payload.missing(); missing.length > 0; missing = payload.missing(), rounds++)
      for (const piece of missing) piece.load(this.texts.get(piece.reference!.hash)!);
    return rounds;
  }
}

function reread(payload: Payload): Payload {
  return Payload.decode(JSON.parse(payload.encode()) as EncodedPayload);
}
const big = (n: number): Payload => Payload.of(`${n}`.padEnd(50, "x"));

describe("a payload", () => {
  test("inline stands in the event itself, and always has its value", () => {
    const payload = Payload.of({ a: [1, -0, "\ud800"] });
    expect(payload.encode()).toBe('{"json":{"a":[1,-0,"\\ud800"]}}');
    expect(reread(payload).encode()).toBe(payload.encode());
    payload.release();
    expect(payload.loaded).toBe(true);
    expect(payload.inline).toBe(true);
    expect(payload.size).toBe(21);
  });

  test("refuses what is no JSON", () => {
    expect(() => Payload.of({ a: Number.NaN })).toThrow(AppError);
    expect(() => Payload.of(new Date())).toThrow(AppError);
  });

  test("is frozen all the way down, and apart from the value it was made of", () => {
    const source = { a: [1] };
    const payload = Payload.of(source);
    source.a.push(2);
    expect(payload.value).toEqual({ a: [1] });
    expect(() => (payload.value as { a: number[] }).a.push(3)).toThrow(TypeError);
    expect(() => (reread(payload).value as { a: number[] }).a.push(3)).toThrow(TypeError);
  });

  test("stored is a reference; it forgets its value and gets it back", () => {
    const store = new Store();
    const payload = store.keep(big(1), 10);
    expect(payload.encode()).toBe('{"hash":"h0","size":52}');
    expect(payload.loaded).toBe(true);
    payload.release();
    expect(payload.loaded).toBe(false);
    expect(payload.missing()).toEqual([payload]);
    expect(() => payload.value).toThrow(/h0 was read before it was loaded/);
    expect(() => payload.text).toThrow(/before it was loaded/);
    store.load(payload);
    expect(payload.value).toBe("1".padEnd(50, "x"));
  });

  test("read back from its reference it is not loaded", () => {
    const payload = reread(new Store().keep(big(1), 10));
    expect([payload.loaded, payload.inline, payload.size, payload.reference]).toEqual([
      false,
      false,
      52,
      { hash: "h0", size: 52 },
    ]);
  });
});

describe("a list", () => {
  test("of inline values is inline", () => {
    const list = Payload.ofList([Payload.of(1), Payload.of("a"), Payload.null]);
    expect(list.encode()).toBe('{"json":[1,"a",null]}');
    expect(Payload.ofList([]).encode()).toBe('{"json":[]}');
  });

  test("of stored values refers to each", () => {
    const store = new Store();
    const list = Payload.ofList([store.keep(big(1), 10), Payload.of(2)]);
    expect(list.encode()).toBe('{"list":[{"hash":"h0","size":52},{"json":2}]}');
    const back = reread(list);
    expect(back.missing()).toHaveLength(1);
    expect(store.load(back)).toBe(1);
    expect(back.value).toEqual(list.value);
    expect(back.text).toBe(JSON.stringify(list.value));
  });

  test("that is long is stored itself, as the list of its references", () => {
    const store = new Store();
    const list = store.keep(Payload.ofList([store.keep(big(1), 10), store.keep(big(2), 10)]), 10);
    expect(list.encode()).toMatch(/^\{"index":"h2","size":\d+\}$/);
    const back = reread(list);
    expect(store.load(back)).toBe(2);
    expect(back.value).toEqual(list.value);
    back.release();
    expect(back.loaded).toBe(false);
    expect(store.load(back)).toBe(2);
  });
});

describe("pages", () => {
  test("one page is that page", () => {
    const page = Payload.of([1]);
    expect(Payload.ofPages([page])).toBe(page);
  });

  test("are put together when they are read, and never stored whole", () => {
    const store = new Store();
    const pages = [Payload.ofList([store.keep(big(1), 10)]), Payload.of([2, 3]), Payload.of([])];
    const all = store.keep(Payload.ofPages(pages), 10);
    expect(all.reference).toBe(null);
    expect(all.pieces().includes(all)).toBe(false);
    const back = reread(all);
    expect(back.encode()).toBe(all.encode());
    expect(back.loaded).toBe(false);
    store.load(back);
    expect(back.value).toEqual(["1".padEnd(50, "x"), 2, 3]);
    expect(() => (back.value as number[]).push(4)).toThrow(TypeError);
  });

  test("that are let go by themselves are missing in the whole", () => {
    const store = new Store();
    const page = store.keep(Payload.of(["a long page of text"]), 10);
    const all = Payload.ofPages([page, Payload.of([1])]);
    expect(all.value).toHaveLength(2);
    page.release();
    expect(all.missing()).toEqual([page]);
    store.load(all);
    expect(all.value).toEqual(["a long page of text", 1]);
  });

  test("read again and again are put together once", () => {
    const all = Payload.ofPages([Payload.of([1]), Payload.of([2])]);
    expect(all.value).toBe(all.value);
  });
});

test("whatever is put together comes back the same, whatever of it was stored", () => {
  const leaf = fc.jsonValue().map((value) => Payload.of(value));
  const list = fc.array(leaf, { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(list, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 60 }), (pages, most) => {
      const store = new Store();
      const expected = pages.flatMap((page) => page.map((payload) => payload.value)) as Json;
      for (const payload of pages.flat()) store.keep(payload, most);
      const all = store.keep(Payload.ofPages(pages.map((page) => store.keep(Payload.ofList(page), most))), most);
      const back = reread(all);
      expect(back.encode()).toBe(all.encode());
      store.load(back);
      expect(back.value).toEqual(expected);
      expect(back.text).toBe(all.text);
      back.release();
      store.load(back);
      expect(back.value).toEqual(expected);
    }),
  );
});
