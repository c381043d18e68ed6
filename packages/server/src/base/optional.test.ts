import { expect, test } from "vitest";
import { optional } from "./optional.ts";

test("a package that is there is loaded", async () => {
  expect(await optional("yaml", "a test", () => import("yaml"))).toHaveProperty("parse");
});

test.each(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"])("a missing package (%s) says what to install", async (code) => {
  const missing = optional("bullmq ioredis", "tickets through Redis", async () => {
    throw Object.assign(new Error("Cannot find package"), { code });
  });
  await expect(missing).rejects.toMatchObject({
    code: "DEPENDENCY_MISSING",
    message: expect.stringContaining("npm install bullmq ioredis"),
  });
});

test("a package that fails while it loads is no missing package", async () => {
  const broken = optional("bullmq", "a test", async () => {
    throw new TypeError("its code is broken");
  });
  await expect(broken).rejects.toThrow("its code is broken");
});
