import { packTar } from "modern-tar";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openWeft, type Weft } from "../weft.ts";
import { restoreBackup } from "./restore.ts";
import { writeBackup } from "./write.ts";

const WORKFLOW = `workflow:
  name: echo
  steps:
    - { id: long, type: template, template: "{{ inputs.text * 100000 }}" }
    - { id: go, type: wait, signal: go, depends_on: [long] }
    - { id: short, type: template, template: "{{ steps.long.output | length }}", depends_on: [go] }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weft-backup-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const backup = (file = "backup.tar.gz") =>
  writeBackup({ folder: at("data"), file: at(file), now: new Date(), version: "1" });

/** A folder with a run that has ended, one that waits for a signal, and values that are files. */
async function filled(): Promise<{ readonly weft: Weft; readonly ended: string; readonly open: string }> {
  const weft = await openWeft({ store: at("data") });
  await weft.workflows.publish(WORKFLOW);
  const [ended, open] = await Promise.all(
    ["abc", "xyz"].map(async (text) => (await weft.runs.start({ workflow: "echo", inputs: { text } })).run.id),
  );
  await weft.runs.signal(ended!, { name: "go" });
  await weft.runs.wait(ended!);
  return { weft, ended: ended!, open: open! };
}

async function eventsOf(weft: Weft, id: string): Promise<string> {
  const events: string[] = [];
  for await (const message of weft.runs.events(id)) events.push(JSON.stringify(message));
  return events.join("\n");
}

describe("a backup of a folder whose server is at work", () => {
  test("holds its ended runs byte for byte, and its open runs go on from it", async () => {
    const { weft, ended, open } = await filled();
    await backup();
    const before = { run: await weft.runs.detail(ended), events: await eventsOf(weft, ended) };
    await weft.close();
    await restoreBackup({ file: at("backup.tar.gz"), folder: at("elsewhere") });
    const restored = await openWeft({ store: at("elsewhere") });
    try {
      expect(await restored.runs.detail(ended)).toEqual(before.run);
      expect(await eventsOf(restored, ended)).toBe(before.events);
      await restored.runs.signal(open, { name: "go" });
      expect(await restored.runs.wait(open)).toMatchObject({ status: "succeeded", outputs: { short: 300_000 } });
    } finally {
      await restored.close();
    }
  });

  test("leaves nothing beside the archive", async () => {
    const { weft } = await filled();
    await backup();
    await weft.close();
    expect(readdirSync(folder).toSorted()).toEqual(["backup.tar.gz", "data"]);
  });
});

describe("a backup is refused", () => {
  test("of a folder that holds no data", async () => {
    mkdirSync(at("data"));
    await expect(backup()).rejects.toMatchObject({ code: "BACKUP_NOT_POSSIBLE" });
  });

  test("into a file that is there, which keeps its bytes", async () => {
    const { weft } = await filled();
    await weft.close();
    writeFileSync(at("backup.tar.gz"), "older");
    await expect(backup()).rejects.toMatchObject({ code: "BACKUP_NOT_POSSIBLE" });
    expect(readFileSync(at("backup.tar.gz"), "utf8")).toBe("older");
  });

  test("where a value that a run names is gone, and says which", async () => {
    const { weft } = await filled();
    await weft.close();
    rmSync(at("data/blobs"), { recursive: true });
    await expect(backup()).rejects.toMatchObject({
      code: "BACKUP_NOT_POSSIBLE",
      details: { reason: expect.stringMatching(/large value.*[0-9a-f]{64}/) as string },
    });
    expect(existsSync(at("backup.tar.gz"))).toBe(false);
  });
});

const restore = () => restoreBackup({ file: at("changed.tar.gz"), folder: at("new") });

/** The archive is refused, and nothing is left of the attempt. */
async function refused(bytes: Uint8Array): Promise<void> {
  const before = readdirSync(folder);
  writeFileSync(at("changed.tar.gz"), bytes);
  await expect(restore()).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
  expect(readdirSync(folder).toSorted()).toEqual([...before, "changed.tar.gz"].toSorted());
}

describe("a restore is refused, and makes no folder,", () => {
  beforeEach(async () => {
    const { weft } = await filled();
    await weft.close();
    await backup();
  });
  const archive = (): Buffer => readFileSync(at("backup.tar.gz"));

  test("into a folder that is not empty", async () => {
    cpSync(at("backup.tar.gz"), at("changed.tar.gz"));
    mkdirSync(at("new"));
    writeFileSync(at("new/mine"), "mine");
    await expect(restore()).rejects.toMatchObject({ code: "RESTORE_NOT_POSSIBLE" });
    expect(readdirSync(at("new"))).toEqual(["mine"]);
  });

  test("from half an archive", () => refused(archive().subarray(0, Math.floor(archive().length / 2))));
  test("from an archive that ends early but is whole as gzip", () => {
    const tar = gunzipSync(archive());
    return refused(gzipSync(tar.subarray(0, 4096)));
  });
  test("from an archive in which one byte of a database is another", () => {
    const tar = gunzipSync(archive());
    const place = tar.indexOf("SQLite format 3") + 5000;
    tar[place]! ^= 1;
    return refused(gzipSync(tar));
  });
});

describe("an archive of a stranger is refused, and makes no folder:", () => {
  test("a text", () => refused(Buffer.from("no archive")));
  test("a file that is not there", async () => {
    await expect(restore()).rejects.toMatchObject({ code: "RESTORE_NOT_POSSIBLE" });
  });

  const file = { path: "journal.db", size: 1, sha256: "0".repeat(64) };
  const rest = { created_at: "2026-01-01T00:00:00Z", weftwork: "1" };
  const manifest = (files: readonly object[], format = "weftwork.backup/1") =>
    JSON.stringify({ format, ...rest, files: [{ ...file, path: "catalogue.db" }, file, ...files] });
  test.each([
    ["another format", manifest([], "other/1")],
    ["a path above the folder", manifest([{ ...file, path: "../journal.db" }])],
    ["an absolute path", manifest([{ ...file, path: "/etc/passwd" }])],
    ["a blob path that leads out", manifest([{ ...file, path: "blobs/../../x" }])],
    ["a key beside the data", manifest([{ ...file, path: "master.key" }])],
    ["one path twice", manifest([file])],
    ["a size below zero", manifest([{ ...file, path: "stream.db", size: -1 }])],
    ["no JSON", "{"],
    ["no journal", JSON.stringify({ format: "weftwork.backup/1", ...rest, files: [] })],
  ])("a manifest with %s", async (_, text) => {
    const header = { name: "manifest.json", size: Buffer.byteLength(text) };
    return refused(gzipSync(await packTar([{ header, body: text }])));
  });

  test.each([
    ["a link", { name: "journal.db", size: 0, type: "symlink", linkname: "/etc/passwd" }],
    ["a folder", { name: "blobs/", size: 0, type: "directory" }],
    ["an entry the manifest does not list", { name: "stream.db", size: 0 }],
  ] as const)("an archive with %s", async (_, header) => {
    const text = manifest([]);
    const first = { header: { name: "manifest.json", size: Buffer.byteLength(text) }, body: text };
    return refused(gzipSync(await packTar([first, { header }])));
  });
});
