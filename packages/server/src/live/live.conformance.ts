import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Live } from "./live.ts";

export interface LiveUnderTest {
  /** One process that publishes and listens. Those of one test file meet. */
  join(): Promise<Live<string>>;
  /** Breaks the connections of all processes; they come back by themselves. Left out: there are none. */
  cut?(): Promise<void>;
  close(): Promise<void>;
}

/** Resolves when the condition holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; !holds();) {
    if (performance.now() > end) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

let channels = 0;
const newChannel = (): string => `channel/${(channels += 1)}`;

/** What every driver of `live` promises; the names are those of the port. */
export function liveConformance(name: string, open: () => Promise<LiveUnderTest>): void {
  describe(name, () => {
    let under: LiveUnderTest;
    let one: Live<string>;
    let two: Live<string>;
    beforeAll(async () => {
      under = await open();
      [one, two] = [await under.join(), await under.join()];
    });
    afterAll(() => under.close());

    /** Listens, and resolves when what `from` publishes comes. */
    async function listen(at: Live<string>, channel: string, from: Live<string>): Promise<string[]> {
      const heard: string[] = [];
      let isHeard = false;
      at.subscribe(channel, (text) => {
        if (text.startsWith("probe")) isHeard = true;
        else heard.push(text);
      });
      let probe = 0;
      await until(() => {
        // Again until it is heard: that somebody listens may not be known to the publisher at once.
        if (!isHeard && probe++ % 10 === 0) from.publish(channel, `probe ${probe}`);
        return isHeard;
      }, `what is published on ${channel} is heard`);
      return heard;
    }

    test("messages of one publisher are heard in order and once, here and elsewhere", async () => {
      const channel = newChannel();
      const elsewhere = await listen(two, channel, one);
      const here = await listen(one, channel, one);
      const told = Array.from({ length: 1000 }, (_, at) => `message ${at} é漢😀`);
      for (const text of told) one.publish(channel, text);
      expect(here).toEqual(told);
      await until(() => elsewhere.length >= told.length, "all messages are heard");
      expect(elsewhere).toEqual(told);
    });

    test("a listener in the same process is called before publish returns", () => {
      const channel = newChannel();
      const heard: string[] = [];
      one.subscribe(channel, (text) => heard.push(text));
      one.publish(channel, "now");
      expect(heard).toEqual(["now"]);
    });

    test("who has unsubscribed hears nothing more, the others go on", async () => {
      const channel = newChannel();
      const stays = await listen(two, channel, one);
      const left: string[] = [];
      const stop = two.subscribe(channel, (text) => left.push(text));
      one.publish(channel, "first");
      await until(() => left.length === 1, "both listeners hear");
      stop();
      stop();
      one.publish(channel, "second");
      await until(() => stays.length === 2, "the other listener hears");
      expect(left).toEqual(["first"]);
    });

    test("a listener hears its channel alone, of a thousand", async () => {
      const names = Array.from({ length: 1000 }, newChannel);
      const heard = new Map(names.map((channel) => [channel, [] as string[]]));
      for (const channel of names) two.subscribe(channel, (text) => heard.get(channel)!.push(text));
      await listen(two, newChannel(), one);
      for (const channel of names) one.publish(channel, channel);
      await until(() => [...heard.values()].every((texts) => texts.length > 0), "every channel was heard");
      expect([...heard].filter(([channel, texts]) => texts.join() !== channel)).toEqual([]);
    });

    test("messages of any size come whole and in their place", async () => {
      const channel = newChannel();
      const heard = await listen(two, channel, one);
      const told = [1, 7000, 7900, 8000, 60_000, 200_000].map((size) => `${size} ${"é😀".repeat(size / 3)}`);
      for (const text of told) one.publish(channel, text);
      one.publish(channel, "last");
      await until(() => heard.at(-1) === "last", "all sizes are heard");
      expect(heard.map((text) => text.length)).toEqual([...told.map((text) => text.length), 4]);
      expect(heard.slice(0, -1)).toEqual(told);
    });

    test("both ways at once, each hears the other and itself once", async () => {
      const channel = newChannel();
      const [atOne, atTwo] = [await listen(one, channel, two), await listen(two, channel, one)];
      for (let at = 0; at < 100; at++) {
        one.publish(channel, `a${at}`);
        two.publish(channel, `b${at}`);
      }
      await until(() => atOne.length >= 200 && atTwo.length >= 200, "all was heard");
      for (const heard of [atOne, atTwo]) {
        expect(new Set(heard).size).toBe(200);
        for (const letter of ["a", "b"])
          expect(heard.filter((text) => text.startsWith(letter))).toEqual(
            Array.from({ length: 100 }, (_, at) => letter + at),
          );
      }
    });

    test("after the connections were cut, listeners are told and hear again without listening anew (F30)", async () => {
      const { cut } = under;
      if (!cut) return;
      const channel = newChannel();
      const heard: string[] = [];
      let missed = 0;
      two.subscribe(
        channel,
        (text) => heard.push(text),
        () => (missed += 1),
      );
      await listen(two, newChannel(), one);
      const before = missed;
      await cut();
      await until(() => missed > before, "the listener is told that it may have missed something");
      let tries = 0;
      await until(() => {
        if (tries++ % 10 === 0) one.publish(channel, `try ${tries}`);
        return heard.length > 0;
      }, "what is published is heard again");
    });

    test("publishing to nobody, and after closing, does nothing", async () => {
      const three = await under.join();
      three.publish(newChannel(), "nobody");
      const channel = newChannel();
      const heard: string[] = [];
      three.subscribe(channel, (text) => heard.push(text));
      three.close();
      three.publish(channel, "late");
      expect(heard).toEqual([]);
    });
  });
}
