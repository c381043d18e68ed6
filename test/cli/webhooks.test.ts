import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { believed, startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { temporaryFolder, Weft, weft } from "./weft.ts";

let folder: ReturnType<typeof temporaryFolder>;
let receiver: Receiver;
beforeEach(async () => {
  folder = temporaryFolder();
  receiver = await startReceiver();
});
afterEach(async () => {
  folder.remove();
  await receiver.down();
});

test("a receiver is made, tested, looked at, and removed; the server's log has no secret and no token", async () => {
  const serving = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")], {
    env: { WEFT_HTTP_ALLOW: `127.0.0.1:${receiver.port}` },
  });
  const [server] = await serving.shows(/http:\/\/127\.0\.0\.1:\d+/);
  const at = (...args: readonly string[]): ReturnType<typeof weft> => weft("webhooks", ...args, "--server", server);
  let secret = "";
  try {
    expect((await at("ls")).stdout).toContain("Nobody is told of runs");
    const made = await at("add", `${receiver.url}?token=abcdef`, "--event", "run.failed", "--event", "run.succeeded");
    expect(made.stdout).toMatch(/^whsec_[\w+/]{43}=\n$/);
    secret = made.stdout.trim();
    const [id] = /whe_\w+/.exec(made.stderr)!;
    const listed = await at("ls");
    expect(listed.stdout).toMatch(
      /whe_\w+ +http:\/\/127\.0\.0\.1:\d+\/hook\?\*\*\* +run\.failed run\.succeeded +enabled/,
    );
    const tested = await at("test", id);
    expect([tested.code, tested.stdout.includes("webhook.test"), tested.stdout.includes("delivered")]).toEqual([
      0,
      true,
      true,
    ]);
    expect(believed(receiver.got[0]!, secret)).toBe(true);
    receiver.answer = (_, response) => void response.writeHead(500).end("broken");
    const failing = await at("test", id);
    expect([failing.code, failing.stdout.includes("500 broken")]).toEqual([1, true]);
    const [dead] = /msg_[\w-]+/.exec((await at("deliveries", id, "--status", "dead")).stdout)!;
    expect((await at("show", dead)).stdout).toContain("it answered 500");
    expect((await at("redeliver", id)).stdout).toBe("deliveries to be made again: 1\n");
    expect((await at("redeliver", dead, "--run", "r")).code).toBe(2);
    const rotated = await at("rotate", id, "--overlap", "2h");
    expect(rotated.stdout).toMatch(/^whsec_/);
    expect(rotated.stderr).toContain("signs beside it until");
    expect((await at("remove", id)).stdout).toBe(`${id} is told nothing any more\n`);
    const missing = await at("show", id);
    expect([missing.code === 0, missing.stderr.includes("no webhook endpoint")]).toEqual([false, true]);
  } finally {
    serving.process.kill("SIGTERM");
    await serving.ended();
  }
  for (const hidden of [secret.slice(6), "abcdef"]) expect(serving.stdout + serving.stderr).not.toContain(hidden);
});
