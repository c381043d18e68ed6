import { expect, test } from "vitest";
import type { TaskPart } from "../nodes/node.ts";
import { Mask } from "../secrets/mask.ts";
import { Secret } from "../secrets/secret.ts";
import { Hidden } from "./hidden.ts";

test("a secret in pieces is taken out of text and of thoughts, each in its own order, and nothing is lost", () => {
  const told: TaskPart[] = [];
  const hidden = new Hidden(new Mask([new Secret("sk-canary-1")]), (part) => told.push(part));
  hidden.part({ type: "text_delta", text: "key sk-can" });
  hidden.part({ type: "reasoning_delta", text: "it is sk-canary" });
  hidden.part({ type: "text_delta", text: "ary-1 done" });
  hidden.part({ type: "reasoning_delta", text: "-1, yes" });
  hidden.outcome({ type: "parked", until: 0, reason: "later" });
  const of = (type: string): string =>
    told.map((part) => (part.type === type && "text" in part ? part.text : "")).join("");
  expect(of("text_delta")).toMatch(/^key \*+ done$/);
  expect(of("reasoning_delta")).toMatch(/^it is \*+, yes$/);
});
