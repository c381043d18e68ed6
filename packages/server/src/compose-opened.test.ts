import { expect, test } from "vitest";
import { openAll, Opened, together } from "./compose-opened.ts";

/** Things that write down when they are closed; those in `broken` throw. */
function things(broken: readonly string[] = []) {
  const closed: string[] = [];
  const thing = (name: string) => ({
    name,
    async close(graceMs: number): Promise<void> {
      await Promise.resolve();
      closed.push(`${name} ${graceMs}`);
      if (broken.includes(name)) throw new Error(`${name} did not close`);
    },
  });
  return { closed, thing };
}

test("what was opened is closed once, the last first, with the grace that there is", async () => {
  const { closed, thing } = things();
  const opened = new Opened();
  expect(opened.keep(thing("journal")).name).toBe("journal");
  opened.keep(together(thing("one"), null, thing("other")));
  opened.keep(thing("engine"));
  await Promise.all([opened.close(500), opened.close(500)]);
  await opened.close();
  expect(closed).toEqual(["engine 500", "one 500", "other 500", "journal 500"]);
});

test("what cannot be closed keeps nothing else open, and is told", async () => {
  const { closed, thing } = things(["engine", "one"]);
  const opened = new Opened();
  opened.keep(thing("journal"));
  opened.keep(together(thing("one"), thing("other")));
  opened.keep(thing("engine"));
  await expect(opened.close()).rejects.toThrow("engine did not close");
  expect(closed).toEqual(["engine 0", "one 0", "other 0", "journal 0"]);
});

test("where one part cannot be opened those before it are closed, and its error is the one that is told", async () => {
  const { closed, thing } = things(["journal"]);
  const opening = openAll(async (opened) => {
    opened.keep(thing("journal"));
    opened.keep(thing("database"));
    await Promise.reject(new Error("no such bucket"));
    return opened;
  });
  await expect(opening).rejects.toThrow("no such bucket");
  expect(closed).toEqual(["database 0", "journal 0"]);
});

test("what was opened whole stays open", async () => {
  const { closed, thing } = things();
  const opened = await openAll(async (all) => {
    all.keep(thing("journal"));
    return all;
  });
  expect(closed).toEqual([]);
  await opened.close(7);
  expect(closed).toEqual(["journal 7"]);
});
