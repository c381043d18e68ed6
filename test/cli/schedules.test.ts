import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Schedule, ScheduleDetail } from "@weftwork/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder, Weft, weft, type Ended } from "./weft.ts";

let folder: ReturnType<typeof temporaryFolder>;
let serving: Weft;
let at: (...args: readonly string[]) => Promise<Ended>;
beforeEach(async () => {
  folder = temporaryFolder();
  serving = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")]);
  const [server] = await serving.shows(/http:\/\/127\.0\.0\.1:\d+/);
  at = (...args) => weft(...args, "--server", server);
});
afterEach(async () => {
  serving.process.kill("SIGTERM");
  await serving.ended();
  folder.remove();
});

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

const NATIVE =
  "name: hello\ninputs: {times: integer}\nsteps:\n  - {id: a, type: template, template: 'hi {{ inputs.times }}'}\n";
const REPORT = JSON.stringify({
  app: { name: "report", mode: "workflow" },
  kind: "app",
  version: "0.6.0",
  workflow: {
    graph: {
      nodes: [
        {
          id: "daily",
          data: { type: "trigger-schedule", mode: "cron", cron_expression: "0 9 * * *", timezone: "UTC" },
        },
        { id: "end", data: { type: "end", outputs: [] } },
      ],
      edges: [{ source: "daily", target: "end" }],
    },
  },
});

test("a schedule is made, shown, paused, resumed, begun by hand and removed", async () => {
  expect((await at("schedules", "ls")).stdout).toContain("There are no schedules");
  await at("workflows", "publish", file("hello.yaml", NATIVE));
  const rule = ["--cron", "30 2 * * *", "--zone", "Europe/Berlin"];
  const made = await at("schedules", "add", "nightly", "hello", ...rule, "-i", "times=3", "--jitter", "60s", "--json");
  expect(JSON.parse(made.stdout) as Schedule).toMatchObject({ inputs: { times: 3 }, jitter: "60s", status: "active" });
  expect((await at("schedules", "ls")).stdout).toMatch(/nightly +hello +active +30 2 \* \* \* +Europe\/Berlin +\d{4}-/);
  expect((await at("schedules", "pause", "nightly")).stdout).toBe("nightly is paused\n");
  expect((await at("schedules", "resume", "nightly")).stdout).toMatch(/^nightly begins its next run at \d{4}-/);
  const begun = await at("schedules", "trigger", "nightly", "--watch");
  expect([begun.code, begun.stdout]).toEqual([0, expect.stringContaining("hi 3")]);
  const shown = await at("schedules", "show", "nightly", "--json");
  expect(JSON.parse(shown.stdout) as ScheduleDetail).toMatchObject({ fires: [{ outcome: "triggered" }] });
  expect((await at("schedules", "show", "nightly")).stdout).toMatch(/Z +by hand +run_/);
  expect((await at("schedules", "remove", "nightly")).stdout).toBe("nightly is removed; its runs stay\n");
  const gone = await at("schedules", "show", "nightly");
  expect([gone.code === 0, gone.stderr]).toEqual([false, expect.stringContaining("There is no schedule nightly")]);
});

test("the times of a rule are shown without a schedule; a wrong rule is explained, in Chinese as well", async () => {
  const next = await at(
    "schedules",
    "next",
    "30 2 * * *",
    "--zone",
    "Europe/Berlin",
    "--after",
    "2026-03-28T12:00:00Z",
    "-n",
    "2",
  );
  expect(next.stdout).toBe("2026-03-29T01:00:00.000Z\n2026-03-30T00:30:00.000Z\n");
  const wrong = await at("schedules", "next", "30 25 * * *");
  expect([wrong.code === 0, wrong.stderr]).toEqual([false, expect.stringContaining("Invalid value for hour")]);
  expect((await at("schedules", "next", "x", "--lang", "zh")).stderr).toContain("无法保存该定时计划");
  expect((await at("schedules", "ls", "--lang", "zh")).stdout).toContain("没有定时计划");
});

test("a schedule trigger of a Dify file is enabled with its times, follows a new version, and is disabled", async () => {
  await at("workflows", "publish", file("report.yml", REPORT));
  expect((await at("triggers", "ls")).stdout).toMatch(
    /report +0\.0\.1 +daily +schedule +begins by hand +0 9 \* \* \* \(UTC\)/,
  );
  expect((await at("triggers", "enable", "report", "daily")).stdout).toMatch(
    /T09:00:00\.000Z; weft schedules show report\.daily/,
  );
  expect((await at("triggers", "ls")).stdout).toMatch(/daily +schedule +report\.daily/);
  await at("workflows", "publish", file("report.yml", REPORT.replace("0 9 * * *", "0 7 * * *")));
  await at("triggers", "enable", "report", "daily");
  expect((await at("schedules", "ls")).stdout).toMatch(/report\.daily +report +active +0 7 \* \* \*/);
  expect((await at("triggers", "disable", "report", "daily")).stdout).toBe("report daily begins by hand only\n");
  const again = await at("triggers", "disable", "report", "daily");
  expect([again.code === 0, again.stderr]).toEqual([
    false,
    expect.stringContaining("no schedule daily that is enabled"),
  ]);
});
