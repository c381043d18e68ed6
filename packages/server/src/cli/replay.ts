import type { Json } from "@weftwork/core";
import { readConfig } from "../config.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { replay, type LiveSettings, type Replay } from "../testkit/replay.ts";
import type { WeftOptions } from "../weft.ts";
import { EXIT, UsageError } from "./exit.ts";
import { say } from "./language.ts";
import { printOutcome } from "./outcome.ts";
import { ownNodes } from "./own-nodes.ts";
import type { RunOptions } from "./run.ts";
import { readText } from "./text-files.ts";
import { weftOptions } from "./weft-options.ts";

const VALUE_CHARS = 400;

/**
 * `weft run --from-export FILE`: lets a recorded run happen again in memory. Exits 0 where it comes to the same, whatever
 * that was; 1 where it does not, with the differences on standard error.
 */
export async function replayCommand(path: string, options: RunOptions): Promise<number> {
  const { input, data, root, record, live = [], nodes, json = false, quiet = false } = options;
  const given = Object.entries({ "--input": input.length > 0, "--data": data, "--root": root, "--record": record });
  const [refused] = given.find(([, value]) => value !== undefined && value !== false) ?? [];
  if (refused !== undefined) throw new UsageError(say("replay.alone", { option: refused }));
  const environment = takeSecrets(process.env);
  const settings = live.length === 0 ? {} : liveSettings(weftOptions(readConfig(environment), environment));
  const result = await replay(readText(path), { live, nodes: ownNodes(nodes), settings });
  const isSame = result.differences.length === 0;
  if (json) process.stdout.write(`${JSON.stringify({ same: isSame, ...result }, null, 2)}\n`);
  else {
    if (!quiet) process.stderr.write(`${report(result)}\n`);
    printOutcome(result.replayed, {});
  }
  return isSame ? EXIT.OK : EXIT.FAILED;
}

function report({ differences, tries, unrecorded }: Replay): string {
  if (differences.length === 0) return say("replay.same", { ...tries });
  const lines = [say("replay.differs", { count: differences.length, ...tries })];
  for (const { path, message, expected, actual } of differences) {
    lines.push(`  ${path}${message === null ? "" : `: ${message}`}`);
    if (expected !== undefined) lines.push(`    ${say("replay.recorded")}: ${shown(expected)}`);
    if (actual !== undefined) lines.push(`    ${say("replay.now")}: ${shown(actual)}`);
  }
  for (const step of unrecorded) lines.push(`  ${say("replay.unrecorded", { step })}`);
  return lines.join("\n");
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_CHARS ? `${text.slice(0, VALUE_CHARS)}…` : text;
}

function liveSettings(options: WeftOptions): LiveSettings {
  const { models, defaultModel, discoverModels, httpAllow, httpPorts, tools, toolsFolder, environment, datasets } =
    options;
  return {
    ...(models === undefined ? {} : { models }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
    ...(discoverModels === undefined ? {} : { discover: discoverModels }),
    ...(httpAllow === undefined ? {} : { httpAllow }),
    ...(httpPorts === undefined ? {} : { httpPorts }),
    ...(tools === undefined ? {} : { tools: { config: tools, folder: toolsFolder ?? process.cwd() } }),
    ...(environment === undefined ? {} : { environment }),
    ...(datasets === undefined ? {} : { datasets }),
  };
}
