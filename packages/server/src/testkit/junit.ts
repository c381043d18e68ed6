import { differenceLines, plain } from "./report.ts";
import type { CaseResult } from "./run-cases.ts";

/** The cases of one file; `mistake` where the file could not be run. */
export interface Suite {
  readonly file: string;
  readonly cases: readonly CaseResult[];
  readonly mistake: string | null;
}

/** The results as JUnit XML, which most CI systems read. */
export function junit(suites: readonly Suite[]): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"];
  for (const { file, cases, mistake } of suites) {
    const failures = cases.filter(({ passed }) => !passed).length;
    const time = cases.reduce((sum, { durationMs }) => sum + durationMs, 0);
    lines.push(
      `  <testsuite name="${escape(file)}" tests="${cases.length}" failures="${failures}" errors="${mistake === null ? 0 : 1}" time="${seconds(time)}">`,
    );
    if (mistake !== null) {
      lines.push(
        `    <testcase name="${escape(file)}" classname="${escape(file)}">`,
        `      <error message="the file has mistakes">${escape(mistake)}</error>`,
        "    </testcase>",
      );
    }
    for (const one of cases) lines.push(...caseXml(file, one));
    lines.push("  </testsuite>");
  }
  return `${[...lines, "</testsuites>"].join("\n")}\n`;
}

function caseXml(file: string, { name, durationMs, passed, differences }: CaseResult): string[] {
  const head = `<testcase name="${escape(name)}" classname="${escape(file)}" time="${seconds(durationMs)}"`;
  if (passed) return [`    ${head}/>`];
  const text = differences.flatMap((difference) => differenceLines(difference, plain)).join("\n");
  const first = differences[0]!;
  const message = [first.path, first.message ?? "is different"].filter((part) => part !== "").join(": ");
  return [`    ${head}>`, `      <failure message="${escape(message)}">${escape(text)}</failure>`, "    </testcase>"];
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** XML 1.0 has no way to write most control characters; they become a replacement character. */
function escape(text: string): string {
  return text
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!)
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}");
}
