import { describe, expect, test } from "vitest";
import { fileKind, isFileId, isFileValue } from "./file.ts";

const ID = "file-01890000-0000-7000-8000-00000000000a";

test.each([
  ["image/png", "image"],
  ["IMAGE/SVG+XML", "image"],
  ["audio/mpeg", "audio"],
  ["video/mp4", "video"],
  ["text/csv", "document"],
  ["application/pdf", "document"],
  ["application/zip", "custom"],
  ["imagex/png", "custom"],
  ["", "custom"],
])("a file of type %j is taken for: %s", (type, kind) => expect(fileKind(type)).toBe(kind));

describe("a value stands for a file", () => {
  test("when it is a map of that type with the id of one", () => {
    expect(isFileValue({ type: "file", id: ID })).toBe(true);
    expect(isFileValue({ type: "file", id: ID, name: "a", more: [1] })).toBe(true);
  });

  test.each([
    null,
    undefined,
    "file",
    ID,
    [],
    {},
    { id: ID },
    { type: "image", id: ID },
    { type: "file" },
    { type: "file", id: 1 },
    { type: "file", id: "file-1" },
    { type: "file", id: `${ID}/../x` },
    { type: "file", id: ID.toUpperCase() },
    { type: "file", path: "/etc/passwd" },
  ])("and not when it is %j", (value) => expect(isFileValue(value)).toBe(false));

  test("ids have one form and nothing around it", () => {
    expect(isFileId(ID)).toBe(true);
    for (const text of [` ${ID}`, `${ID}\n`, ID.slice(0, -1), "file-"]) expect(isFileId(text)).toBe(false);
  });
});
