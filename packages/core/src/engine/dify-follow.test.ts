import { describe, expect, test } from "vitest";
import { ResponseFollower } from "./dify-follow.ts";
import type { ResponseChunk } from "./dify-response.ts";
import { app, start, type Node } from "./dify.testing.ts";
import { done, fails, World } from "./run.testing.ts";

const llm = (id: string, data: object = {}): Node => [
  id,
  "llm",
  { model: { name: "m" }, prompt_template: [], ...data },
];
const answer: Node = ["a", "answer", { answer: "<{{#m.text#}}>" }];
const retried = { retry_config: { retry_enabled: true, max_retries: 1, retry_interval: 100 } };

/** The chunks of a run, in which `m` streams these texts before each of its ends; what is taken back as `-n`. */
function told(node: Node, outcomes: readonly ReturnType<typeof done>[], streams: readonly string[]): string[] {
  let attempt = 0;
  const text = app([start, node, answer], "s>m m>a", {}, "advanced-chat");
  const world = new World(text, { does: { m: () => outcomes[attempt++] } }).start().run();
  const follower = new ResponseFollower(world.plan, world.nested);
  const lines: string[] = [];
  const say = (chunks: readonly ResponseChunk[]): void => {
    for (const { text: said, takesBack } of chunks) {
      if (takesBack > 0) lines.push(`-${takesBack}`);
      if (said !== "") lines.push(said);
    }
  };
  let ends = 0;
  for (const decision of world.decisions) {
    const ending = decision.events.some((event) => "node" in event && event.node === "m" && ENDS.has(event.type));
    if (ending && streams[ends] !== undefined) say(follower.delta("root", "m", streams[ends++]!));
    say(follower.row([decision]));
  }
  return lines;
}

const ENDS: ReadonlySet<string> = new Set(["task_completed", "task_failed", "task_retried"]);
const whole = done({ text: "whole" });

describe("what an attempt streamed", () => {
  test("stays when it becomes the value", () => {
    expect(told(llm("m"), [whole], ["who"])).toEqual(["<", "who", "le", ">"]);
  });

  test("is taken back when the attempt is repeated", () => {
    expect(told(llm("m", retried), [fails(), whole], ["half", "wh"])).toEqual(["<", "half", "-4", "wh", "ole", ">"]);
  });

  test("is taken back when other values stand for those of the failed step", () => {
    const fallback = {
      error_strategy: "default-value",
      default_value: [{ key: "text", type: "string", value: "sorry" }],
    };
    expect(told(llm("m", fallback), [fails()], ["half"])).toEqual(["<", "half", "-4", "sorry", ">"]);
  });

  test("is taken back when the value is another one", () => {
    expect(told(llm("m"), [whole], [" wh"])).toEqual(["<", " wh", "-3", "whole", ">"]);
  });

  test("is taken back when whoever follows is told that it does not hold", () => {
    const text = app([start, llm("m"), answer], "s>m m>a", {}, "advanced-chat");
    const world = new World(text, { does: { m: () => undefined } }).start();
    const follower = new ResponseFollower(world.plan, world.nested);
    for (const decision of world.decisions) follower.row([decision]);
    follower.delta("root", "m", "half");
    expect(follower.forget("root", "m")).toMatchObject([{ text: "", takesBack: 4, selector: ["m", "text"] }]);
    expect(follower.forget("root", "m")).toEqual([]);
    expect(follower.delta("root", "m", "new")).toMatchObject([{ text: "new", takesBack: 0 }]);
  });
});

test("the state that is followed is the one that the rows fold to", () => {
  const text = app([start, llm("m"), answer], "s>m m>a", {}, "advanced-chat");
  const world = new World(text, { does: { m: whole } }).start().run();
  const follower = new ResponseFollower(world.plan, world.nested);
  for (const decision of world.decisions) follower.row([decision]);
  expect(follower.state.status).toBe("succeeded");
  expect(follower.state.output!.value).toEqual(world.state.output!.value);
  expect(follower.state.seq).toBe(world.decisions.length);
});
