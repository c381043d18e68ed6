import { describe, expect, test } from "vitest";
import { UsageError } from "./exit.ts";
import { chooseLanguage, filled } from "./language.ts";

describe("the language", () => {
  test.each([
    [[], {}, "en"],
    [[], { LANG: "zh_CN.UTF-8" }, "zh"],
    [[], { LANG: "zh_TW.UTF-8" }, "en"],
    [[], { LANG: "zh_CN.UTF-8", LC_ALL: "C" }, "en"],
    [[], { LANG: "de_DE.UTF-8" }, "en"],
    [[], { LANG: "en_US.UTF-8", WEFT_LANG: "zh" }, "zh"],
    [["--lang", "en"], { WEFT_LANG: "zh" }, "en"],
    [["--lang=zh-CN"], {}, "zh"],
    [["--", "--lang", "zh"], {}, "en"],
  ] as const)("of %j in %j is %s", (args, environment, language) => {
    expect(chooseLanguage(args, environment).language).toBe(language);
  });

  test("is taken out of the arguments, wherever it stands, and nothing behind -- is", () => {
    expect(chooseLanguage(["runs", "--lang", "zh", "list"], {}).args).toEqual(["runs", "list"]);
    expect(chooseLanguage(["a", "--", "--lang", "fr"], {}).args).toEqual(["a", "--", "--lang", "fr"]);
  });

  test.each([
    [["--lang", "fr"], {}],
    [["--lang"], {}],
    [[], { WEFT_LANG: "klingon" }],
  ])("of %j in %j is wrong usage", (args, environment) => {
    expect(() => chooseLanguage(args, environment)).toThrow(UsageError);
  });

  test("values that look like names of values are not replaced again", () => {
    expect(filled("{a} {b} {c}", { a: "{b}", b: 2 })).toBe("{b} 2 {c}");
  });
});
