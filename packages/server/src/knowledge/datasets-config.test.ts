import type { Json } from "@weftwork/core";
import { expect, test } from "vitest";
import { parseDatasetList, readDatasets } from "./datasets-config.ts";

test("datasets are folders by name, from the folder of the configuration on, with variables", () => {
  const section = { a: { folder: "docs" }, b: "/srv/b", c: { folder: "${HOME_OF_DOCS}/c" } };
  expect(readDatasets(section, { HOME_OF_DOCS: "/data/docs" }, "/etc/weft")).toEqual({
    folders: { a: "/etc/weft/docs", b: "/srv/b", c: "/data/docs/c" },
    mistakes: [],
  });
});

test.each<[Json, string, RegExp]>([
  [[], "/datasets", /not a map/],
  [{ a: {} }, "/datasets/a", /no folder/],
  [{ a: 7 }, "/datasets/a", /no folder/],
  [{ a: { folder: "x", kind: "y" } }, "/datasets/a/kind", /no field kind/],
  [{ "a b": "x" }, "/datasets/a b", /name of a dataset/],
  [{ a: "${NOT_SET}" }, "/datasets/a", /NOT_SET is not set/],
])("%j is a mistake at %s", (section, pointer, message) => {
  const { mistakes } = readDatasets(section, {}, "/");
  expect(mistakes).toEqual([expect.objectContaining({ pointer, message: expect.stringMatching(message) as string })]);
});

test("a list of datasets is read, and a wrong one told of", () => {
  expect(parseDatasetList("a=docs, b=/srv/b=1", "/x")).toEqual({ value: { a: "/x/docs", b: "/srv/b=1" } });
  for (const wrong of ["a", "=x", "a=", "a=x,,b=y"]) expect(parseDatasetList(wrong, "/x")).toHaveProperty("mistake");
});
