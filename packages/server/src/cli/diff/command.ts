import { existsSync } from "node:fs";
import { isJsonObject, parseWorkflow, type JsonObject } from "@weftwork/core";
import type { WeftClient } from "@weftwork/sdk";
import { withCodeFiles } from "../code-files.ts";
import { EXIT, UsageError } from "../exit.ts";
import { say } from "../language.ts";
import { print, remote, type RemoteOptions } from "../remote.ts";
import { told } from "../told.ts";
import { readText } from "../text-files.ts";
import { compareWorkflows } from "./compare.ts";
import { differenceLines } from "./report.ts";

interface Side {
  readonly name: string;
  readonly document: JsonObject;
}

/**
 * `weft workflows diff NAME [A] [B]`: what differs between two versions, or a version and a file. As `diff` does it ends
 * with 0 for the same, 1 for a difference, and 2 where they cannot be compared.
 */
export async function workflowsDiff(
  name: string,
  a: string | undefined,
  b: string | undefined,
  options: RemoteOptions,
): Promise<number> {
  try {
    return await remote(options, async (client) => {
      const [before, after] = await sides(client, name, a, b);
      const difference = compareWorkflows(before.document, after.document);
      print(options, { before: before.name, after: after.name, ...difference }, () =>
        difference.same
          ? say("diff.same", { a: before.name, b: after.name })
          : [`--- ${before.name}`, `+++ ${after.name}`, ...differenceLines(difference)].join("\n"),
      );
      return difference.same ? EXIT.OK : EXIT.FAILED;
    });
  } catch (error) {
    told(error);
    return EXIT.USAGE;
  }
}

/** One given side stands against the newest version; a file, being newer than what is published, comes second. */
async function sides(client: WeftClient, name: string, a?: string, b?: string): Promise<readonly [Side, Side]> {
  if (a !== undefined && b !== undefined) return Promise.all([sideOf(client, name, a), sideOf(client, name, b)]);
  if (a !== undefined) {
    const [given, newest] = await Promise.all([sideOf(client, name, a), published(client, name)]);
    return isFile(a) ? [newest, given] : [given, newest];
  }
  const [newest, before] = await client.versions(name);
  if (newest === undefined) return Promise.all([published(client, name), published(client, name)]);
  if (before === undefined) throw new UsageError(say("diff.one_version", { name, version: newest.version }));
  return Promise.all([published(client, name, before.version), published(client, name, newest.version)]);
}

function sideOf(client: WeftClient, name: string, given: string): Promise<Side> {
  return isFile(given) ? Promise.resolve(fromFile(given)) : published(client, name, given);
}

/** A version is digits and dots; what is there as a file, or is called like one, is one. */
function isFile(given: string): boolean {
  return /\.(ya?ml|json)$/.test(given) || existsSync(given);
}

async function published(client: WeftClient, name: string, version?: string): Promise<Side> {
  const workflow = await client.workflow(name, version === undefined ? {} : { version });
  return sideFrom(`${workflow.name} ${workflow.version}`, workflow.source);
}

function fromFile(path: string): Side {
  const text = readText(path);
  return sideFrom(path, withCodeFiles(text, parseWorkflow(text), path).source);
}

function sideFrom(name: string, source: string): Side {
  const { documentJson, pointer } = parseWorkflow(source);
  const whole = isJsonObject(documentJson) ? documentJson : null;
  const document = pointer === "" ? whole : whole?.["workflow"];
  if (isJsonObject(document)) return { name, document };
  throw new UsageError(say("diff.unreadable", { name }));
}
