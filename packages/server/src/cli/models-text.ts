import { formatDuration } from "@weftwork/core";
import type { ModelListing, ModelTest } from "../weft.ts";

/** The lines of `weft models ls`: a table, the default marked. */
export function modelLines(listings: readonly ModelListing[]): string[] {
  const rows = listings.map(({ name, provider, endpoint, model, from, aliasOf, isDefault, label }) => [
    isDefault ? "*" : " ",
    name,
    provider,
    endpoint ?? "(in this process)",
    from,
    [aliasOf === null ? (model === name ? "" : model) : `→ ${aliasOf}`, label ?? ""].filter(Boolean).join(", "),
  ]);
  const table = [[" ", "NAME", "PROVIDER", "ENDPOINT", "FROM", "NOTE"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}

/** The lines of `weft models test NAME`. */
export function modelTestLines(test: ModelTest): string[] {
  const { failure, usage, firstTokenMs, totalMs } = test;
  if (failure) {
    return [
      `✗ ${test.model} (${test.provider}) failed after ${formatDuration(totalMs)}`,
      `  ${failure.code}: ${failure.message}`,
    ];
  }
  const first = firstTokenMs === null ? "no text" : `first token ${formatDuration(firstTokenMs)}`;
  return [
    `✓ ${test.model} (${test.provider}) answered: ${first}, ${formatDuration(totalMs)} in all`,
    ...(usage ? [`  tokens: ${usage.input_tokens} in, ${usage.output_tokens} out; ended by ${test.finishReason}`] : []),
    ...(test.fingerprint === "" ? [] : [`  fingerprint: ${test.fingerprint}`]),
    `  ${JSON.stringify(test.text)}`,
  ];
}
