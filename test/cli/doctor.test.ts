import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { temporaryFolder, Weft, weft } from "./weft.ts";

const folder = temporaryFolder();
const data = join(folder.path, "data");
afterAll(() => folder.remove());

describe("weft doctor", () => {
  interface Report {
    readonly fail: number;
    readonly checks: readonly {
      check: string;
      status: string;
      code: string;
      remedy: string | null;
      facts: Record<string, unknown>;
    }[];
  }
  async function doctor(
    env: Record<string, string>,
  ): Promise<{ readonly code: number | null; readonly report: Report }> {
    const { code, stdout } = await new Weft(["doctor", "--json"], { env: { WEFT_PORT: "0", ...env } }).ended();
    return { code, report: JSON.parse(stdout) as Report };
  }

  test("finds nothing to mend in a new installation, and makes nothing", async () => {
    const place = join(folder.path, "fresh");
    const { code, report } = await doctor({ WEFT_DATA: place });
    expect([code, report.fail]).toEqual([0, 0]);
    const names = report.checks.map(({ check }) => check);
    for (const name of [
      "node",
      "memory",
      "open files",
      "clock",
      "configuration",
      "data folder",
      "fsync",
      "sqlite",
      "port",
      "models",
    ])
      expect(names).toContain(name);
    expect(report.checks.find(({ check }) => check === "fsync")!.facts["median_ms"]).toBeGreaterThan(0);
    expect((await weft("runs", "list", "--data", place)).code).toBe(2);
  });

  test("tells all mistakes of the configuration at once, with remedies, and what means nothing", async () => {
    const { code, report } = await doctor({
      WEFT_PORT: "none",
      WEFT_LOG: "loud",
      WEFT_PROT: "1",
      WEFT_DATA: join(folder.path, "fresh"),
    });
    expect([code, report.fail]).toEqual([1, 2]);
    const told = report.checks.filter(({ check }) => check === "configuration");
    expect(told.map(({ status, facts }) => [status, facts["where"] ?? facts["variable"]])).toEqual([
      ["fail", "WEFT_PORT"],
      ["fail", "WEFT_LOG"],
      ["warn", "WEFT_PROT"],
    ]);
    expect(told.every(({ remedy }) => remedy !== null)).toBe(true);
  });

  test("knows a folder that is a file, and a lock that is no database", async () => {
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    const first = await doctor({ WEFT_DATA: file });
    expect([first.code, first.report.checks.find(({ check }) => check === "data folder")?.code]).toEqual([
      1,
      "doctor.data.no_folder",
    ]);
    const broken = join(folder.path, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "lock.db"), "no database at all, but as long as the head of one".repeat(10));
    const second = await doctor({ WEFT_DATA: broken });
    expect([second.code, second.report.checks.map(({ code }) => code)]).toEqual([
      1,
      expect.arrayContaining(["doctor.lock.broken"]),
    ]);
  });

  test("says who has the port and the folder", async () => {
    const served = new Weft(["serve", "--data", data, "--port", "0"]);
    try {
      const [, url] = await served.shows(/listens on (\S+)/);
      const { code, report } = await doctor({ WEFT_DATA: data, WEFT_PORT: new URL(url!).port });
      expect(code).toBe(0);
      expect(report.checks.find(({ check }) => check === "port")).toMatchObject({ code: "doctor.port.ours" });
      expect(report.checks.find(({ facts }) => facts["locked"] === true)).toMatchObject({
        facts: { pid: String(served.process.pid), url },
      });
    } finally {
      served.process.kill("SIGTERM");
      await served.ended();
    }
  });

  test("knows a stranger on the port, and a database that does not answer", async () => {
    const stranger = createServer((_request, response) => void response.writeHead(404).end());
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const { port } = stranger.address() as { port: number };
    try {
      const { code, report } = await doctor({
        WEFT_PORT: String(port),
        WEFT_DATABASE_URL: `postgres://user:hidden@127.0.0.1:${port}/name`,
      });
      expect(code).toBe(1);
      const codes = report.checks.filter(({ status }) => status === "fail").map((one) => one.code);
      expect(codes.toSorted()).toEqual(["doctor.port.used", "doctor.postgres.silent"]);
      expect(JSON.stringify(report)).not.toContain("hidden");
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
  });

  test("prints the configuration in force with its sources, and no secret", async () => {
    const env = {
      WEFT_PORT: "1234",
      WEFT_DATABASE_URL: "postgres://user:hidden@db:5432/name",
      WEFT_S3_URL: "https://objects.example.com/weft",
      WEFT_S3_ACCESS_KEY_ID: "hidden-id",
      WEFT_S3_SECRET_ACCESS_KEY: "hidden-key",
    };
    const { code, stdout } = await new Weft(["doctor", "--config"], { env }).ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^port +1234 +WEFT_PORT$/m);
    expect(stdout).toMatch(/^host +127\.0\.0\.1 +\(default\)$/m);
    expect(stdout).toMatch(/^databaseUrl +postgres:\/\/user:\*\*\*@db:5432\/name +WEFT_DATABASE_URL$/m);
    expect(stdout).toMatch(/^s3Url +https:\/\/objects\.example\.com\/weft +WEFT_S3_URL$/m);
    expect(stdout).toMatch(/^s3SecretAccessKey +\*\*\* +WEFT_S3_SECRET_ACCESS_KEY$/m);
    expect(stdout).not.toContain("hidden");
  });
});

describe("weft bench", () => {
  test("measures runs, steps and the disk, and leaves nothing behind", async () => {
    const place = join(folder.path, "temporary");
    mkdirSync(place);
    const { code, stdout } = await new Weft(["bench", "--quick", "--json"], { env: { TMPDIR: place } }).ended();
    expect(code).toBe(0);
    const figures = JSON.parse(stdout) as Record<string, number> & { step_ms: { median: number } };
    expect(figures["runs_per_second"]).toBeGreaterThan(0);
    expect(figures.step_ms.median).toBeGreaterThan(0);
    expect(readdirSync(place)).toEqual([]);
  });
});
