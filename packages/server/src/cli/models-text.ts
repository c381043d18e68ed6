import { formatDuration } from "@weftwork/core";
import { say } from "./language.ts";
import { messageOf } from "./problems.ts";
import { table } from "./table.ts";
import type { ModelListing, ModelTest } from "../weft.ts";

/** The lines of `weft models ls`: a table, the default marked. */
export function modelLines(listings: readonly ModelListing[]): string[] {
  const rows = listings.map(({ name, provider, endpoint, model, from, aliasOf, isDefault, label }) => [
    isDefault ? "*" : " ",
    name,
    provider,
    endpoint ?? say("models.inside"),
    from,
    [aliasOf === null ? (model === name ? "" : model) : `→ ${aliasOf}`, label ?? ""].filter(Boolean).join(", "),
  ]);
  const columns = ["name", "provider", "endpoint", "from", "note"] as const;
  return table([" ", ...columns.map((name) => say(`models.${name}`))], rows).split("\n");
}

/** The lines of `weft models test NAME`. */
export function modelTestLines(test: ModelTest): string[] {
  const { model, provider, failure, usage, firstTokenMs, totalMs } = test;
  if (failure) {
    return [
      `✗ ${say("models.failed", { model, provider, time: formatDuration(totalMs) })}`,
      `  ${failure.code}: ${messageOf(failure)}`,
    ];
  }
  const first =
    firstTokenMs === null ? say("models.no_text") : say("models.first", { time: formatDuration(firstTokenMs) });
  return [
    `✓ ${say("models.answered", { model, provider, first, time: formatDuration(totalMs) })}`,
    ...(usage ? [`  ${say("models.tokens", tokensOf(usage, test))}`] : []),
    ...(test.fingerprint === "" ? [] : [`  ${say("models.fingerprint", { fingerprint: test.fingerprint })}`]),
    `  ${JSON.stringify(test.text)}`,
  ];
}

function tokensOf(
  usage: NonNullable<ModelTest["usage"]>,
  { finishReason }: ModelTest,
): Record<string, string | number> {
  return { input: usage.input_tokens, output: usage.output_tokens, reason: String(finishReason) };
}
