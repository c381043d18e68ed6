import { setImmediate as turn } from "node:timers/promises";
import { z } from "zod";
import { defineNode } from "../../packages/server/src/nodes/define-node.ts";

const CHUNK = 128 * 1024;

/** Takes memory of its own process until there is none left. In between others have their turn. */
export const hog = defineNode({
  type: "hog",
  config: z.object({}),
  async execute() {
    const all: number[][] = [];
    for (; ; await turn()) all.push(Array.from({ length: CHUNK }, (_, at) => at));
  },
});
