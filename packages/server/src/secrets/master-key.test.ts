import { AppError } from "@weftwork/core";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { masterKeys, readMasterKey } from "./master-key.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "weft-keys-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const key = (): string => randomBytes(32).toString("base64");
const bytes = (text: string): Buffer => Buffer.from(text, "base64");

function errorOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("nothing of the table was thrown");
}

describe("a master key is refused when it", () => {
  test.each([
    ["is short", randomBytes(31).toString("base64"), "31 bytes"],
    ["is long", randomBytes(48).toString("base64"), "48 bytes"],
    ["is hex of 32 bytes", randomBytes(32).toString("hex"), "48 bytes"],
    ["is empty space", " \n ", "0 bytes"],
    ["is no base64", "not base64 at all, is it?", "not base64"],
    ["is all zero", Buffer.alloc(32).toString("base64"), "not random"],
    ["repeats few bytes", Buffer.alloc(32, "0123456789abcdef").toString("base64"), "not random"],
    ["is a sentence", Buffer.from("The quick brown fox jumps over 12".slice(0, 32)).toString("base64"), "guessed"],
  ])("%s", (_, text, reason) => {
    const error = errorOf(() => readMasterKey(text, "WEFT_MASTER_KEY"));
    expect(error.code).toBe("MASTER_KEY_INVALID");
    expect(error.message).toContain(reason);
    expect(error.message).toContain("WEFT_MASTER_KEY");
    if (text.trim() !== "") expect(error.message).not.toContain(text);
  });
});

test("random keys are never refused", () => {
  for (let i = 0; i < 2000; i++) expect(readMasterKey(` ${key()}\n`, "X")).toHaveLength(32);
  expect(readMasterKey(randomBytes(32).toString("base64url"), "X")).toHaveLength(32);
});

test("a folder gets a key when one is needed, for its owner's eyes only, and keeps it", () => {
  const keys = masterKeys({}, folder);
  expect(keys.current()).toBeNull();
  expect(existsSync(join(folder, "master.key"))).toBe(false);
  const made = keys.create();
  expect(statSync(join(folder, "master.key")).mode & 0o777).toBe(0o600);
  expect(masterKeys({}, folder).current()).toEqual(made);
  expect(masterKeys({}, folder).create()).toEqual(made);
});

test("without a folder a key must be given", () => {
  expect(errorOf(() => masterKeys({}, null).create()).code).toBe("MASTER_KEY_MISSING");
  const given = key();
  expect(masterKeys({ WEFT_MASTER_KEY: given }, null).create()).toEqual(bytes(given));
});

test("a given key comes before the folder's, which opens what was stored before", () => {
  const made = masterKeys({}, folder).create();
  const [given, old] = [key(), key()];
  const file = join(folder, "old");
  writeFileSync(file, `${old}\n`);
  const keys = masterKeys({ WEFT_MASTER_KEY: given, WEFT_MASTER_KEY_OLD_FILE: file }, folder);
  expect(keys.current()).toEqual(bytes(given));
  expect(keys.old()).toEqual([bytes(old), made]);
});

test.each([
  ["both forms", { WEFT_MASTER_KEY: key(), WEFT_MASTER_KEY_FILE: "/x" }, "keep one"],
  ["a file that is not there", { WEFT_MASTER_KEY_FILE: "/nowhere/at/all" }, "no such file"],
  ["a weak old key", { WEFT_MASTER_KEY: key(), WEFT_MASTER_KEY_OLD: "AAAA" }, "3 bytes"],
])("%s: the start is refused", (_, environment, reason) => {
  expect(errorOf(() => masterKeys(environment, null)).message).toContain(reason);
});

test("a damaged key file is refused, and not replaced", () => {
  writeFileSync(join(folder, "master.key"), "oops");
  expect(errorOf(() => masterKeys({}, folder)).code).toBe("MASTER_KEY_INVALID");
  expect(readFileSync(join(folder, "master.key"), "utf8")).toBe("oops");
});

test("a renewal that is cut off anywhere loses no key", () => {
  const first = masterKeys({}, folder).create();
  masterKeys({}, folder).renew();
  // Died before the old one was let go: both are there, and another renewal keeps the one that may still be needed.
  const again = masterKeys({}, folder);
  expect(again.old()).toEqual([first]);
  const second = again.current();
  expect(second).not.toEqual(first);
  again.renew();
  expect([again.current(), again.old()]).toEqual([second, [first]]);
  // Died between the two steps: only the old one is there.
  rmSync(join(folder, "master.key"));
  const half = masterKeys({}, folder);
  expect([half.current(), half.old()]).toEqual([null, [first]]);
  half.forgetOld();
  expect(existsSync(join(folder, "master.key.old"))).toBe(false);
});
