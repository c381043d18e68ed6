import { formatDuration, type Json } from "@weftwork/core";
import { lineDiff, type Difference } from "./difference.ts";
import type { CaseResult } from "./run-cases.ts";

export type Paint = (style: "red" | "green" | "dim" | "bold", text: string) => string;

/** Text as it stands, for files and pipes. */
export const plain: Paint = (_style, text) => text;

const SKIPPED_MS_SHOWN = 1000;
const VALUE_LENGTH = 400;
const DIFF_LINES_MAX = 40;
/** Equal lines shown around a difference. */
const CONTEXT = 2;

/** A case in a line; below it what is different, when it did not pass. */
export function caseLines(result: CaseResult, paint: Paint): string {
  const { name, passed, differences, durationMs, skippedMs, line } = result;
  const skipped = skippedMs >= SKIPPED_MS_SHOWN ? `, skipped ${formatDuration(skippedMs)}` : "";
  const took = paint("dim", `(${formatDuration(durationMs)}${skipped})`);
  if (passed) return `  ${paint("green", "✓")} ${name} ${took}`;
  const lines = differences.flatMap((difference) => differenceLines(difference, paint).map((text) => `      ${text}`));
  return [`  ${paint("red", "✗")} ${name} ${took} ${paint("dim", `line ${line}`)}`, ...lines].join("\n");
}

/** Where a value is not as expected, in lines. */
export function differenceLines({ path, message, expected, actual }: Difference, paint: Paint): string[] {
  const head = [path === "" ? "" : paint("bold", path), message ?? ""].filter((text) => text !== "").join(": ");
  if (typeof expected === "string" && typeof actual === "string" && isLong(expected, actual)) {
    return [head, ...textDiff(expected, actual, paint).map((text) => `  ${text}`)];
  }
  return [
    head,
    ...(expected === undefined ? [] : [`  ${paint("green", `- expected  ${shown(expected)}`)}`]),
    ...(actual === undefined ? [] : [`  ${paint("red", `+ actual    ${shown(actual)}`)}`]),
  ];
}

function isLong(expected: string, actual: string): boolean {
  return expected.includes("\n") || actual.includes("\n");
}

/** The lines that differ, with a few around them. */
function textDiff(expected: string, actual: string, paint: Paint): string[] {
  const diff = lineDiff(expected, actual);
  const near = diff.map((_, index) =>
    diff.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ type }) => type !== "same"),
  );
  const lines: string[] = [];
  for (const [index, { type, text }] of diff.entries()) {
    if (!near[index]) {
      if (near[index - 1] ?? index === 0) lines.push(paint("dim", "  …"));
    } else if (type === "same") lines.push(`  ${text}`);
    else if (type === "expected") lines.push(paint("green", `- ${visible(text)}`));
    else lines.push(paint("red", `+ ${visible(text)}`));
  }
  return lines.length > DIFF_LINES_MAX ? [...lines.slice(0, DIFF_LINES_MAX), paint("dim", "  …")] : lines;
}

/** Blanks at the end of a line are seen, and lines that have nothing else. */
function visible(line: string): string {
  return line === "" ? "(empty line)" : line.replace(/\s+$/, (blanks) => "·".repeat(blanks.length));
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH)}… (${text.length} characters)` : text;
}

export interface Totals {
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  /** Files with mistakes, none of whose cases ran. */
  readonly broken: number;
  readonly leftOut: number;
  readonly durationMs: number;
  /** The runs' own time, which nobody had to wait for. */
  readonly skippedMs: number;
}

/** What failed, once more and in short, where it would have to be looked for: more files than one. Ends with a line. */
export function failedLines(
  results: readonly { readonly file: string; readonly cases: readonly CaseResult[] }[],
  paint: Paint,
): string {
  const failed = results.flatMap(({ file, cases }) =>
    cases.filter(({ passed }) => !passed).map(({ name, line }) => `  ${paint("red", "✗")} ${file}:${line} ${name}\n`),
  );
  return results.length < 2 || failed.length === 0 ? "" : `${paint("bold", "Failed")}\n${failed.join("")}\n`;
}

/** The last line of all. */
export function summaryLine(totals: Totals, paint: Paint): string {
  const { files, passed, failed, broken, leftOut, durationMs, skippedMs } = totals;
  const parts = [
    ...(failed > 0 ? [paint("red", `${failed} failed`)] : []),
    ...(passed > 0 || failed === 0 ? [paint("green", `${passed} passed`)] : []),
    ...(broken > 0 ? [paint("red", `${count(broken, "file")} with mistakes`)] : []),
    ...(leftOut > 0 ? [paint("dim", `${leftOut} left out`)] : []),
  ];
  const skipped = skippedMs >= SKIPPED_MS_SHOWN ? `, skipped ${formatDuration(skippedMs)} of waiting` : "";
  return `${parts.join(", ")} ${paint("dim", `in ${count(files, "file")}, ${formatDuration(durationMs)}${skipped}`)}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
