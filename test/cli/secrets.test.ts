import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder, Weft, type Ended } from "./weft.ts";

const CANARY = "cli-c4n4ry-77aa01bc";
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

function secrets(
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Record<string, string> } = {},
): Promise<Ended> {
  return new Weft(["secrets", ...args, "--data", folder.path], options).ended();
}

const masterKey = (): string => readFileSync(join(folder.path, "master.key"), "utf8");

describe("on a data folder that nobody serves", () => {
  test("a secret is stored from standard input, listed without its value, rotated and removed", async () => {
    const set = await secrets(["set", "API_KEY", "--host", "api.example.com", "--host", "*.b.example"], {
      input: `${CANARY}\n`,
    });
    expect(set).toMatchObject({
      code: 0,
      stdout: "API_KEY is stored; it may be sent to: api.example.com, *.b.example\n",
    });
    expect(statSync(join(folder.path, "master.key")).mode & 0o777).toBe(0o600);
    const list = await secrets(["ls", "--json"]);
    expect(JSON.parse(list.stdout)).toMatchObject({
      data: [{ name: "API_KEY", source: "store", hosts: ["api.example.com", "*.b.example"], hidden: false }],
    });
    const before = masterKey();
    expect((await secrets(["rotate-key"])).stdout).toBe("1 key(s) wrapped with the newest master key\n");
    expect(masterKey()).not.toBe(before);
    expect((await secrets(["rm", "API_KEY"])).code).toBe(0);
    expect((await secrets(["ls"])).stdout).toContain("There are no secrets");
    expect((await secrets(["rm", "API_KEY"])).stderr).toContain("There is no secret API_KEY");
    for (const { stdout, stderr } of [set, list]) expect(stdout + stderr).not.toContain(CANARY);
    for (const file of readdirSync(folder.path, { recursive: true, encoding: "utf8" })) {
      const path = join(folder.path, file);
      if (statSync(path).isFile()) expect(readFileSync(path).includes(CANARY), file).toBe(false);
    }
  });

  test.each([
    ["no value", ["set", "API_KEY"], "", "no value for API_KEY"],
    ["a value as an argument", ["set", "API_KEY", CANARY], CANARY, "not taken as an argument"],
    ["a name in small letters", ["set", "api_key"], CANARY, "its name must be A to Z"],
    ["a host that is none", ["set", "API_KEY", "--host", "https://a/b"], CANARY, "is no host"],
  ])("%s is refused with a sentence that does not repeat it", async (_, args, input, words) => {
    const { code, stdout, stderr } = await secrets(args, { input });
    expect(code).not.toBe(0);
    expect(stderr).toContain(words);
    expect(stdout + stderr).not.toContain(CANARY);
  });

  test("a master key that can be guessed is refused before anything is written", async () => {
    const { code, stderr } = await secrets(["ls"], { env: { WEFT_MASTER_KEY: Buffer.alloc(32).toString("base64") } });
    expect(code).not.toBe(0);
    expect(stderr).toContain("openssl rand -base64 32");
    const served = await new Weft(["serve", "--port", "0", "--data", folder.path], {
      env: { WEFT_MASTER_KEY: "short" },
    }).ended();
    expect(served.code).not.toBe(0);
    expect(served.stderr).toContain("openssl rand -base64 32");
  });
});

test("the server that owns the folder is asked, and its environment comes first and is forgotten", async () => {
  const server = new Weft(["serve", "--port", "0", "--data", folder.path], { env: { WEFT_SECRET_API_KEY: CANARY } });
  const [, url] = await server.shows(/listens on (\S+)/);
  const set = await secrets(["set", "API_KEY"], { input: "another value" });
  expect(set.code, set.stderr).toBe(0);
  expect(set.stderr).toContain("another API_KEY");
  expect((await secrets(["ls"])).stdout).toMatch(/API_KEY +environment[^\n]*\n[^\n]*API_KEY +store \(not used\)/);
  const remote = await new Weft(["secrets", "rm", "API_KEY", "--server", url!]).ended();
  expect(remote.code, remote.stderr).toBe(0);
  server.process.kill("SIGTERM");
  const { code, stdout, stderr } = await server.ended();
  expect(code).toBe(0);
  expect(stdout + stderr).not.toContain(CANARY);
  // A variable of a secret is none that is misspelt.
  expect(stderr).not.toContain("WEFT_SECRET_");
});
