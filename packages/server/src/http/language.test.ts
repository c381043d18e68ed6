import { ERRORS } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "./app.testing.ts";
import { readLanguage } from "./language.ts";
import { MESSAGES_ZH, TITLES_ZH } from "./problems-zh.ts";

let server: TestApp;
beforeAll(async () => void (server = await testApp()));
afterAll(() => server.close());

describe("the language of a problem", () => {
  test.each([
    [undefined, "en"],
    ["", "en"],
    ["fr", "en"],
    ["zh", "zh-CN"],
    ["zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"],
    ["zh-Hans-CN", "zh-CN"],
    ["zh-TW,zh-Hant", "en"],
    ["en-US,en;q=0.9,zh-CN;q=0.8", "en"],
    ["en;q=0.5, ZH-cn;q=0.7", "zh-CN"],
    ["fr, zh-CN;q=0.1", "zh-CN"],
    ["zh-CN;q=0", "en"],
    ["zh-CN;q=x,;;;", "en"],
  ] as const)("%s is answered in %s", (header, language) => {
    expect(readLanguage(header)).toBe(language);
  });

  test("changes title and detail, and never the code", async () => {
    const ask = (language: string) =>
      server.app.fastify.inject({ url: "/api/runs/none", headers: { "accept-language": language } });
    const [english, chinese] = [await ask("en"), await ask("zh-CN")];
    expect(english.headers["content-language"]).toBe("en");
    expect(english.json()).toMatchObject({
      title: "Not Found",
      detail: "There is no run none.",
      code: "run_not_found",
    });
    expect(chinese.headers["content-language"]).toBe("zh-CN");
    expect(chinese.json()).toMatchObject({ title: "未找到", detail: "没有运行 none。", code: "run_not_found" });
  });

  test("every message has the same places to fill in both languages, and every status its title", () => {
    const places = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].toSorted();
    for (const [code, { message, status }] of Object.entries(ERRORS)) {
      expect([code, places(MESSAGES_ZH[code as keyof typeof ERRORS])]).toEqual([code, places(message)]);
      expect([code, TITLES_ZH[status]]).toEqual([code, expect.any(String)]);
    }
  });

  test("Chinese messages have full-width punctuation", () => {
    const half = Object.values(MESSAGES_ZH).filter((text) =>
      /\p{Script=Han}[,;:!?()]|\p{Script=Han}\.(?=\s|$)/u.test(text),
    );
    expect(half).toEqual([]);
  });
});
