import { expect, test } from "vitest";
import { openWeft } from "../weft.ts";

test("an approval is taken when its form fits what the step asks for, and a rejection needs none", async () => {
  const weft = await openWeft();
  const form = "{type: object, properties: {amount: {type: integer, maximum: 100}}, required: [amount]}";
  await weft.workflows.publish(`name: ask\nsteps:\n  - {id: ok, type: approval, form: ${form}}\n`);
  const waiting = async (id: string): Promise<void> => {
    await weft.runs.start({ workflow: "ask", id });
    await expect.poll(async () => (await weft.runs.get(id))?.waiting_for?.step).toBe("ok");
  };
  await waiting("a");
  for (const [given, pointer] of [
    [{ amount: 101 }, "#/form/amount"],
    [{ amount: "1" }, "#/form/amount"],
    [{}, "#/form"],
    [undefined, "#/form"],
  ] as const) {
    const decision = { step: "ok", approved: true, ...(given === undefined ? {} : { form: given }) };
    await expect(weft.runs.decide("a", decision)).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      details: { errors: [{ pointer }] },
    });
  }
  await weft.runs.decide("a", { step: "ok", approved: true, form: { amount: 7 } });
  expect(await weft.runs.wait("a", { timeoutMs: 5000 })).toMatchObject({ status: "succeeded" });
  await waiting("b");
  await weft.runs.decide("b", { step: "ok", approved: false });
  expect(await weft.runs.wait("b", { timeoutMs: 5000 })).toMatchObject({ status: "succeeded" });
  await weft.close();
});
