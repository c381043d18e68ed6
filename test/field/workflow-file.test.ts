import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";

/** The sample *workflow file*: the listing of the design, as it stands. */
const LISTING = readFileSync(join(import.meta.dirname, "fixtures/image-processing.yaml"), "utf8");

let weft: Weft;
beforeEach(async () => void (weft = await openWeft({ containers: "off" })));
afterEach(() => weft.close({ graceMs: 0 }));

test("the listing validates and plans as it stands", () => {
  const { problems, plan } = weft.workflows.validate(LISTING);
  expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
  const nodes = plan!.bodies[0]!.nodes;
  expect(nodes.map((node) => [node.id, node.type, node.timeoutMs])).toEqual([
    ["preprocess", "python_script", 300_000],
    ["generate_caption", "model_inference", null],
    ["postprocess", "python_script", null],
  ]);
  // A step without depends_on takes what it refers to as its edges.
  expect(nodes.map((node) => node.outgoing.map((edge) => nodes[edge.to]!.id))).toEqual([
    ["generate_caption"],
    ["postprocess"],
    [],
  ]);
});

test("what cannot run on this machine is told step by step, with the reason", () => {
  const { unavailable } = weft.workflows.validate(LISTING);
  expect(unavailable.map((one) => [one.step, one.type])).toEqual([
    ["preprocess", "python_script"],
    ["postprocess", "python_script"],
  ]);
  expect(unavailable[0]!.reason).toMatch(/containers need podman or docker/);
  expect(unavailable[1]!.reason).toMatch(/it has no code/);
});

test("the listing is published, and the same text again is the same version", async () => {
  const first = await weft.workflows.publish(LISTING);
  expect(first).toMatchObject({ name: "image_processing", version: "0.0.1", created: true });
  expect(await weft.workflows.publish(LISTING)).toMatchObject({ version: "0.0.1", hash: first.hash });
});

test("a run is refused before it begins where its steps cannot run, with the remedy", async () => {
  await weft.workflows.publish(LISTING);
  await expect(weft.runs.start({ workflow: "image_processing" })).rejects.toMatchObject({
    code: "NODE_NOT_AVAILABLE",
    details: { step: "preprocess", reason: expect.stringContaining("install") as string },
  });
});
