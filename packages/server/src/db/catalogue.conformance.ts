import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Catalogue, NewVersion } from "./catalogue.ts";

export interface CatalogueFixture {
  readonly catalogue: Catalogue;
  /** Closes and opens the same store again; absent where nothing is kept. */
  readonly reopen?: () => Promise<Catalogue>;
  readonly close: () => Promise<void>;
}

let clock = 1_700_000_000_000;
const version = (name: string, content: string, number: string | null = null, tenant = "acme"): NewVersion => ({
  tenant,
  name,
  version: number,
  hash: `hash of ${name} ${content}`,
  source: content,
  createdAt: clock++,
});

/** The promises of the port, run over every driver. */
export function catalogueConformance(driver: string, open: () => Promise<CatalogueFixture>): void {
  describe(driver, () => {
    let fixture: CatalogueFixture;
    let catalogue: Catalogue;
    beforeEach(async () => {
      fixture = await open();
      ({ catalogue } = fixture);
    });
    afterEach(() => fixture.close());

    test("the first version is 0.0.1 and what was given", async () => {
      const given = version("a", "one");
      const stored = await catalogue.publish(given);
      expect(stored).toEqual({ ...given, version: "0.0.1" });
      expect(await catalogue.find("acme", "a", null)).toEqual(stored);
      expect(await catalogue.find("acme", "a", "0.0.1")).toEqual(stored);
      expect(await catalogue.byHash("acme", given.hash)).toEqual(stored);
    });

    test("other content raises the patch, the same content gives the same version", async () => {
      const first = await catalogue.publish(version("a", "one"));
      expect(await catalogue.publish(version("a", "one"))).toEqual(first);
      expect((await catalogue.publish(version("a", "two"))).version).toBe("0.0.2");
      expect((await catalogue.publish(version("a", "two"))).version).toBe("0.0.2");
    });

    test("the content of an older version is published anew, and is the newest", async () => {
      for (const content of ["one", "two", "one"]) await catalogue.publish(version("a", content));
      expect(await catalogue.find("acme", "a", null)).toMatchObject({ version: "0.0.3", source: "one" });
      expect((await catalogue.byHash("acme", "hash of a one"))?.version).toBe("0.0.3");
    });

    test("a given version is kept, and the next number goes on above it", async () => {
      await catalogue.publish(version("a", "one", "1.2.9"));
      expect((await catalogue.publish(version("a", "two"))).version).toBe("1.2.10");
      await catalogue.publish(version("a", "three", "2.0.0-beta.1"));
      expect((await catalogue.publish(version("a", "four"))).version).toBe("2.0.0");
      await catalogue.publish(version("a", "five", "1.3.0"));
      expect((await catalogue.publish(version("a", "six"))).version).toBe("2.0.1");
    });

    test("a given version with the same content is the same version, also when a newer one is there", async () => {
      const first = await catalogue.publish(version("a", "one", "1.0.0"));
      await catalogue.publish(version("a", "two", "1.1.0"));
      expect(await catalogue.publish(version("a", "one", "1.0.0"))).toEqual(first);
      expect((await catalogue.find("acme", "a", null))?.version).toBe("1.1.0");
      expect((await catalogue.publish(version("a", "two"))).version).toBe("1.1.0");
    });

    test("a given version with other content is refused, and nothing changes", async () => {
      await catalogue.publish(version("a", "one", "1.0.0"));
      await expect(catalogue.publish(version("a", "two", "1.0.0"))).rejects.toMatchObject({
        code: "WORKFLOW_VERSION_EXISTS",
        details: { version: "1.0.0", workflow: "a" },
      });
      expect((await catalogue.find("acme", "a", "1.0.0"))?.source).toBe("one");
      expect((await catalogue.publish(version("a", "three"))).version).toBe("1.0.1");
      expect((await catalogue.list("acme")).map((one) => one.version)).toEqual(["1.0.1"]);
    });

    test("the list has the newest version of each workflow, by name", async () => {
      for (const name of ["b", "_x", "a", "B", "中文"]) await catalogue.publish(version(name, "one"));
      await catalogue.publish(version("b", "two"));
      const listed = (await catalogue.list("acme")).map((one) => [one.name, one.version]);
      expect(listed).toEqual([
        ["B", "0.0.1"],
        ["_x", "0.0.1"],
        ["a", "0.0.1"],
        ["b", "0.0.2"],
        ["中文", "0.0.1"],
      ]);
    });

    test("the versions of a workflow are listed, the newest published first", async () => {
      const all = [];
      for (const [content, number] of [
        ["one", null],
        ["two", "2.0.0"],
        ["three", "1.0.0"],
      ] as const)
        all.push(await catalogue.publish(version("a", content, number)));
      await catalogue.publish(version("b", "one"));
      expect(await catalogue.versions("acme", "a")).toEqual(all.toReversed());
      expect(await catalogue.versions("acme", "none")).toEqual([]);
      expect(await catalogue.versions("other", "a")).toEqual([]);
    });

    test("a tenant sees nothing of another", async () => {
      await catalogue.publish(version("a", "one"));
      expect(await catalogue.find("other", "a", null)).toBeNull();
      expect(await catalogue.byHash("other", "hash of a one")).toBeNull();
      expect(await catalogue.list("other")).toEqual([]);
      expect((await catalogue.publish(version("a", "two", null, "other"))).version).toBe("0.0.1");
    });

    test("what is not there is null", async () => {
      await catalogue.publish(version("a", "one"));
      expect(await catalogue.find("acme", "b", null)).toBeNull();
      expect(await catalogue.find("acme", "a", "9.9.9")).toBeNull();
      expect(await catalogue.byHash("acme", "none")).toBeNull();
    });

    test("names that reach a prototype, quotes and text of any script are only names", async () => {
      for (const name of ["__proto__", "constructor", "o'clock; drop table workflow", "工作流"]) {
        const stored = await catalogue.publish(version(name, 'it\'s "quoted" \\ 你好 🧵'));
        expect(await catalogue.find("acme", name, null)).toEqual(stored);
      }
    });

    test("many publishers of one name with one content get one version", async () => {
      const all = await Promise.all(Array.from({ length: 30 }, () => catalogue.publish(version("a", "one"))));
      expect(new Set(all.map((one) => one.version))).toEqual(new Set(["0.0.1"]));
    });

    test("many publishers of one name with different content get different versions", async () => {
      const contents = Array.from({ length: 30 }, (_, at) => `content ${at}`);
      const all = await Promise.all(contents.map((content) => catalogue.publish(version("a", content))));
      expect(new Set(all.map((one) => one.version)).size).toBe(30);
      for (const one of all) expect(await catalogue.find("acme", "a", one.version)).toEqual(one);
      expect((await catalogue.find("acme", "a", null))?.version).toBe("0.0.30");
    });

    test("of many publishers of one given version with different content one succeeds", async () => {
      const contents = Array.from({ length: 20 }, (_, at) => `content ${at}`);
      const all = await Promise.allSettled(
        contents.map((content) => catalogue.publish(version("a", content, "1.0.0"))),
      );
      const won = all.filter((one) => one.status === "fulfilled");
      expect(won).toHaveLength(1);
      expect(await catalogue.find("acme", "a", "1.0.0")).toEqual(won[0]?.value);
      for (const one of all) {
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "WORKFLOW_VERSION_EXISTS" });
      }
    });

    test("a store opened again has what was published", async ({ skip }) => {
      if (!fixture.reopen) return skip("this driver keeps nothing");
      const stored = await catalogue.publish(version("a", "one"));
      const again = await fixture.reopen();
      expect(await again.list("acme")).toEqual([stored]);
      expect((await again.publish(version("a", "two"))).version).toBe("0.0.2");
    });
  });
}
