import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, weft } from "./weft.ts";

const hasBash = spawnSync("bash", ["-c", "complete -p >/dev/null 2>&1; echo $BASH_VERSION"]).status === 0;
if (!hasBash) process.stderr.write("skipped: completion in bash, for there is no bash\n");

const folder = temporaryFolder();
const script = join(folder.path, "weft.bash");
beforeAll(async () => writeFileSync(script, (await weft("completion", "bash")).stdout));
afterAll(() => folder.remove());

/** What bash offers behind these words, the last one being begun; names come from a stand-in for the command. */
function offered(...words: readonly string[]): readonly string[] {
  const line = ["weft", ...words].map((word) => `'${word}'`).join(" ");
  const text = `weft() { echo "$2-one"; }; source '${script}'; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; __weft_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", text], { encoding: "utf8" })
    .split("\n")
    .filter((word) => word !== "");
}

describe.skipIf(!hasBash)("completion in bash", () => {
  test.each([
    [["ru"], ["run", "runs"]],
    [
      ["runs", "re"],
      ["rerun", "retry", "reject"],
    ],
    [
      ["runs", "list", "--se"],
      ["--search", "--server"],
    ],
    [
      ["runs", "show", ""],
      ["runs-one", "--help", "--server", "--json", "--data"],
    ],
    [["runs", "show", "--json", "runs"], ["runs-one"]],
    [["runs", "list", "--workflow", ""], ["workflows-one"]],
    [["workflows", "diff", "w"], ["workflows-one"]],
    [["runs", "start", "w"], ["workflows-one"]],
    [["models", "test", "m"], ["models-one"]],
    [
      ["--lang", ""],
      ["en", "zh"],
    ],
    [["--lang", "zh", "doc"], ["doctor"]],
    [["runs", "list", "--limit", ""], []],
  ])("behind %j offers %j", (words, expected) => {
    expect(offered(...words).toSorted()).toEqual(expected.toSorted());
  });
});
