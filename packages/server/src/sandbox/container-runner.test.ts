import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findContainerEngine } from "./container-engine.ts";
import { containers } from "./container-runner.ts";
import type { ContainerJob, ContainerResult } from "./containers.ts";

const engine = findContainerEngine();
/** A program for containers that needs no library, and with it no image from elsewhere. */
const SHELL = "/bin/busybox";
const missing =
  engine === null
    ? "neither podman nor docker answers"
    : existsSync(SHELL)
      ? null
      : `${SHELL} is not there (busybox-static)`;
if (missing !== null && process.env["CI"] !== undefined && process.env["WEFT_TEST_SERVICES"] !== "off") {
  throw new Error(`In CI containers are tested: ${missing}.`);
}

const hub = containers({ find: findContainerEngine, now: () => performance.now() });
afterAll(() => hub.close());

test("an operator can do without containers", () => {
  expect(findContainerEngine("off")).toBeNull();
});

describe("without an engine", () => {
  test("an image is refused with what to install", () => {
    const none = containers({ find: () => null, now: () => 0 });
    expect(none.unavailable("acme/tool:1")).toContain("apt install podman");
  });

  test.each(["--privileged", "", "a b", "-v/:/host", "x\ny"])("%j is no name of an image", (image) => {
    expect(containers({ find: () => null, now: () => 0 }).unavailable(image)).toContain("no name of an image");
  });
});

describe.skipIf(missing !== null)(`containers${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  const image = `weft-test/shell:${process.pid}`;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weft-image-"));
    cpSync(SHELL, join(folder, "busybox"));
    writeFileSync(
      join(folder, "Dockerfile"),
      'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox", "cat"]\n',
    );
    const built = spawnSync(engine!.command, [...engine!.flags, "build", "-q", "-t", image, folder], {
      encoding: "utf8",
    });
    if (built.status !== 0) throw new Error(built.stderr);
  }, 60_000);
  afterAll(() => {
    spawnSync(engine!.command, [...engine!.flags, "rmi", "-f", image]);
    rmSync(folder, { recursive: true });
  });

  const run = (script: string | null, options: Partial<ContainerJob> = {}): Promise<ContainerResult> =>
    hub.run({
      image,
      command: script === null ? [] : ["/bin/busybox", "sh", "-c", script],
      environment: {},
      cpus: 1,
      stdin: "",
      limits: { timeMs: 30_000, memoryBytes: 64 * 1024 * 1024, outputBytes: 10_000 },
      signal: new AbortController().signal,
      log: () => undefined,
      ...options,
    });

  test("an image that is not there is refused with how to get it, and nothing is fetched", async () => {
    expect(hub.unavailable("weft-test/none:1")).toContain("pull weft-test/none:1");
    expect(await run(null, { image: "weft-test/none:1" })).toMatchObject({ type: "failed", code: null });
  });

  test("the program of the image gets the input and gives the result", async () => {
    expect(hub.unavailable(image)).toBeNull();
    expect(await run(null, { stdin: '{"a":1}' })).toEqual({ type: "completed", stdout: '{"a":1}' });
  });

  test("lines on standard error are logs, and its end is in the failure", async () => {
    const lines: string[] = [];
    const result = await run("echo one >&2; echo two >&2; exit 3", { log: (_, line) => lines.push(line) });
    expect(lines).toEqual(["one", "two"]);
    expect(result).toEqual({ type: "failed", code: 3, last: "one\ntwo" });
  });

  test("it gets its environment and nothing of the server's", async () => {
    process.env["WEFT_SECRET_CANARY"] = "canary-91";
    const result = await run("/bin/busybox env", { environment: { GREETING: "hello there" } });
    delete process.env["WEFT_SECRET_CANARY"];
    expect(result).toMatchObject({ stdout: expect.stringContaining("GREETING=hello there") as string });
    expect(JSON.stringify(result)).not.toContain("canary");
  });

  test("it is nobody, cannot write, and has no network", async () => {
    const script = "busybox id -u; busybox touch /x 2>&1; busybox ip -o link | busybox grep -vc ': lo:'; true";
    const { stdout } = (await run(script.replaceAll("busybox", "/bin/busybox"))) as { readonly stdout: string };
    expect(stdout.split("\n")).toEqual(["65534", expect.stringMatching(/Read-only/), "0", ""]);
  });

  test.each([
    ["time", "while true; do :; done", { timeMs: 2000, memoryBytes: 64 * 1024 * 1024, outputBytes: 10_000 }],
    ["output", "/bin/busybox yes", { timeMs: 30_000, memoryBytes: 64 * 1024 * 1024, outputBytes: 10_000 }],
    [
      "memory",
      "x=$(/bin/busybox dd if=/dev/zero bs=1M count=300 2>/dev/null | /bin/busybox tr '\\0' x); echo ${#x}",
      { timeMs: 30_000, memoryBytes: 32 * 1024 * 1024, outputBytes: 10_000 },
    ],
  ] as const)("it ends at its limit of %s", async (limit, script, limits) => {
    expect(await run(script, { limits })).toMatchObject({ type: "stopped", limit });
  });

  test("a fork bomb stays inside and ends at its time", async () => {
    const limits = { timeMs: 2000, memoryBytes: 64 * 1024 * 1024, outputBytes: 10_000 };
    expect(await run("f() { f | f & }; f; while true; do :; done", { limits })).toMatchObject({ type: "stopped" });
  });

  test("an aborted one is gone, with its container", async () => {
    const aborter = new AbortController();
    let started: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (started = resolve));
    const running = run("echo up >&2; while true; do :; done", { signal: aborter.signal, log: () => started() });
    await begun;
    aborter.abort();
    expect(await running).toEqual({ type: "aborted" });
    const left = spawnSync(engine!.command, [...engine!.flags, "ps", "-q", "--filter", `ancestor=${image}`], {
      encoding: "utf8",
    });
    expect(left.stdout).toBe("");
  });
});
