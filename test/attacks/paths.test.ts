import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fsBlobs } from "../../packages/server/src/blob/fs.ts";
import { openWeft } from "../../packages/server/src/index.ts";
import { importsOf, readCode } from "../architecture/source.ts";
import { readTree } from "../architecture/repository.ts";
import { attacked, exchange, type Attacked } from "./server.ts";

const root = mkdtempSync(join(tmpdir(), "weft-paths-"));
const data = join(root, "data");
let server: Attacked;
beforeAll(async () => {
  writeFileSync(join(root, "outside.txt"), "CANARY-OUTSIDE");
  server = await attacked({ store: data });
});
afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

/** What stands beside the data folder; nothing may ever be added. */
const beside = (): readonly string[] => readdirSync(root).toSorted();

const TRICKS = [
  "../outside.txt",
  "..%2foutside.txt",
  "%2e%2e%2foutside.txt",
  "%252e%252e%252foutside.txt",
  "..\\outside.txt",
  "..%5coutside.txt",
  "....//outside.txt",
  "/etc/passwd",
  "C:\\Windows\\win.ini",
  "file:///etc/passwd",
  "\\\\server\\share",
  "outside.txt\0.yaml",
  "outside.txt%00",
  "CON",
  "NUL.txt",
  "COM1",
  "a/../../outside.txt",
  "．．／outside.txt",
  "․․/outside.txt",
  "..\u2215outside.txt",
  ".",
  "..",
  "~/x",
  "$HOME",
  "a:b",
];

describe("A45 a name is never a path:", () => {
  test.each(TRICKS)("%j as the id of a run, of a step, the name of a workflow or its version", async (trick) => {
    const files = beside();
    const run = await server.json("POST", "/api/runs", { workflow: "none", id: trick });
    expect([400, 404]).toContain(run.status);
    const step = JSON.stringify({ name: "named", steps: [{ id: trick, type: "answer", input: "x" }] });
    const named = JSON.stringify({ name: trick, steps: [{ id: "a", type: "answer", input: "x" }] });
    const versioned = JSON.stringify({
      name: "named",
      version: trick,
      steps: [{ id: "a", type: "answer", input: "x" }],
    });
    for (const source of [step, named, versioned]) {
      const put = await server.json("PUT", "/api/workflows", source);
      // A name such as CON is a name; it leads to no file of that name either.
      if (put.status < 300) expect(trick).toMatch(/^[A-Za-z][\w.-]+$/);
      else expect(put.status).toBe(422);
    }
    for (const path of ["/api/runs/", "/api/tasks/", "/api/workflows/"]) {
      const answer = await server.ask("GET", path + encodeURIComponent(trick));
      if (!/^[A-Za-z][\w.-]+$/.test(trick)) expect([trick, answer.status]).toEqual([trick, 404]);
      expect(answer.text).not.toContain("CANARY-OUTSIDE");
      expect(answer.text).not.toContain("root:");
    }
    expect(beside()).toEqual(files);
  });

  test.each([
    "/../outside.txt",
    "/%2e%2e/outside.txt",
    "/docs/../../outside.txt",
    "/docs/%2e%2e/%2e%2e/outside.txt",
    "/docs/..%2f..%2foutside.txt",
    "/openapi.json/../../../etc/passwd",
    "/.weft/journal.db",
    "/journal.db",
    "/.git/config",
    "/package.json",
    "/packages/server/src/config.ts",
  ])("the server gives no file for %s", async (path) => {
    const text = await exchange(server.port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).not.toContain("CANARY-OUTSIDE");
  });

  test.each(["../evil", "a/b", "..", "a\\b", "a\0b", "", "/etc", "x".repeat(65)])(
    "a tenant called %j is no folder of the blobs",
    async (tenant) => {
      const blobs = fsBlobs({ folder: join(root, "data", "blobs") });
      const hash = createHash("sha256").update("x").digest("hex");
      const files = beside();
      await expect(blobs.put(`${tenant}/${hash}`, Buffer.from("x"))).rejects.toThrow("not a blob key");
      await expect(blobs.get(`${tenant}/${hash}`)).rejects.toThrow("not a blob key");
      await expect(blobs.delete(`${tenant}/${hash}`)).rejects.toThrow("not a blob key");
      expect(beside()).toEqual(files);
    },
  );

  test.each(["../../outside.txt", "abc", "A".repeat(64), `${"a".repeat(63)}/`, `${"a".repeat(64)}/x`])(
    "a hash %j is no file of the blobs",
    async (hash) => {
      const blobs = fsBlobs({ folder: join(root, "data", "blobs") });
      await expect(blobs.get(`default/${hash}`)).rejects.toThrow("not a blob key");
    },
  );
});

describe("A44 a hash is no right:", () => {
  test("a blob is reached with its tenant only, and no route takes a hash", async () => {
    const blobs = fsBlobs({ folder: join(root, "data", "blobs") });
    const bytes = Buffer.from("of one tenant");
    const hash = createHash("sha256").update(bytes).digest("hex");
    await blobs.put(`one/${hash}`, bytes);
    expect(await blobs.get(`two/${hash}`)).toBeNull();
    expect(Buffer.from((await blobs.get(`one/${hash}`))!)).toEqual(bytes);
    expect(server.app.routes.filter((route) => /hash|blob|payload|sha/.test(route))).toEqual([]);
  });
});

describe("A47 nothing that is written is ever loaded:", () => {
  test.each(["javascript", "python_script"])("a %s step that names a file is refused by the API", async (type) => {
    for (const file of ["steps/a.js", "/etc/passwd", "../outside.txt", "file:///etc/passwd"]) {
      const source = JSON.stringify({ name: "filed", steps: [{ id: "a", type, file }] });
      const put = await server.json("PUT", "/api/workflows", source);
      expect([put.status, JSON.parse(put.text)]).toMatchObject([422, { errors: [{ code: "file_refused" }] }]);
      const nested = JSON.stringify({
        name: "filed",
        steps: [{ id: "f", type: "for_each", items: [1], steps: [{ id: "a", type, file }] }],
      });
      expect((await server.json("PUT", "/api/workflows", nested)).status).toBe(422);
      const checked = await server.json("POST", "/api/workflows/validate", source);
      expect(JSON.parse(checked.text)).toMatchObject({ valid: false });
      expect(checked.text).not.toContain("CANARY-OUTSIDE");
    }
  });

  test("modules are imported by names that stand in the code, so no file of the data folder can be one", () => {
    const open = [...readTree()].flatMap(([path, text]) =>
      path.startsWith("packages/server/src/") && !path.endsWith(".test.ts")
        ? importsOf(readCode(text)).flatMap(({ specifier, line }) => (specifier === null ? [`${path}:${line}`] : []))
        : [],
    );
    expect(open).toEqual([]);
  });

  test("a process that starts in a folder of traps loads none of them, and writes into its data folder only", async () => {
    const traps = mkdtempSync(join(tmpdir(), "weft-traps-"));
    const bad = "throw new Error('loaded');\n";
    for (const name of ["package.json", ".npmrc", "index.js", "weft.config.js", "config.js", "plugin.mjs"])
      writeFileSync(join(traps, name), bad);
    const before = readdirSync(traps).toSorted();
    const folder = join(traps, ".weft");
    const weft = await openWeft({ store: folder });
    for (const name of ["package.json", "index.js", "sqlite.js"]) writeFileSync(join(folder, name), bad);
    await weft.close();
    const again = await openWeft({ store: folder });
    expect(await again.ready()).toMatchObject({ ready: true });
    await again.close();
    expect(readdirSync(traps).toSorted()).toEqual([".weft", ...before].toSorted());
    expect(relative(traps, folder)).toBe(".weft");
    expect(existsSync(join(folder, "journal.db"))).toBe(true);
    rmSync(traps, { recursive: true });
  });
});
