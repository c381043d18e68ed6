import { z } from "zod";
import { defineNode } from "./define-node.ts";
import type { NodeExecutor } from "./node.ts";
import { textOf } from "./text.ts";

/**
 * `answer {answer | text}` → text, which those who watch the run see as one piece at once. Without either field the
 * step's input is the answer.
 */
export function answerNode(): NodeExecutor {
  return defineNode({
    type: "answer",
    effect: "pure",
    config: z.object({ answer: z.unknown().optional(), text: z.unknown().optional() }),
    execute({ answer, text }, task) {
      const said = textOf(answer ?? text ?? task.input());
      if (said !== "") task.emit({ type: "text_delta", text: said });
      return said;
    },
  });
}
