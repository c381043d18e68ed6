import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, readYaml, type Json, type JsonObject, type YamlDocument } from "@weftwork/core";

export interface ConfigFileMistake {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly suggestion: string | null;
}

export interface ConfigFiles {
  /** `base.yaml` with the environment's file laid over it. Variables are not replaced yet. */
  readonly config: JsonObject;
  /** The files that were read, the base first. */
  readonly files: readonly string[];
  readonly mistakes: readonly ConfigFileMistake[];
  /** Where the value of a JSON Pointer into `config` was written, for a mistake found later; null without files. */
  locate(pointer: string): { readonly file: string; readonly line: number; readonly column: number } | null;
}

const BYTES_MAX = 1_000_000;

/**
 * Reads `base.yaml` and `<environment>.yaml` of a folder. Maps merge by key, lists and values replace, `null` deletes.
 * Either file may be missing; where `isChosen`, the environment was named by the operator and its file must be there.
 */
export function readConfigFiles(
  folder: string,
  environment: string,
  { isChosen = false }: { readonly isChosen?: boolean } = {},
): ConfigFiles {
  const mistakes: ConfigFileMistake[] = [];
  const read: { file: string; document: YamlDocument }[] = [];
  const environmentFile = join(folder, `${environment}.yaml`);
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(environment) || environment.includes("..")) {
    mistakes.push(
      mistakeAt(folder, "the environment's name must be letters, digits, - and _", "Set WEFT_ENV to such a name."),
    );
    return { config: {}, files: [], mistakes, locate: () => null };
  }
  let config: JsonObject = {};
  for (const file of new Set([join(folder, "base.yaml"), environmentFile])) {
    const text = textOf(file, mistakes);
    if (text === null) {
      if (isChosen && file === environmentFile) {
        mistakes.push(
          mistakeAt(file, "there is no such file", `Write it, or choose another environment than ${environment}.`),
        );
      }
      continue;
    }
    const document = readYaml(text, BYTES_MAX);
    read.push({ file, document });
    for (const { message, suggestion, place } of document.problems.toArray()) {
      mistakes.push({ file, ...place, message, suggestion });
    }
    const { data } = document;
    if (isJsonObject(data)) config = overlaid(config, data);
    else if (data !== undefined && data !== null)
      mistakes.push(mistakeAt(file, "the file is not a map of settings", null));
  }
  return {
    config,
    files: read.map(({ file }) => file),
    mistakes,
    locate(pointer) {
      const found = read.findLast(({ document }) => holds(document.data, pointer)) ?? read.at(-1);
      return found ? { file: found.file, ...found.document.locator.locate(pointer) } : null;
    },
  };
}

/** One configuration laid over another. */
export function overlaid(base: JsonObject, over: JsonObject): JsonObject {
  const members = new Map<string, Json>(Object.entries(base));
  for (const [key, value] of Object.entries<Json>(over)) {
    const below = members.get(key);
    if (value === null) members.delete(key);
    // A map without a base loses its deletions too: `null` is never a value of the whole.
    else members.set(key, isJsonObject(value) ? overlaid(isJsonObject(below) ? below : {}, value) : value);
  }
  return Object.fromEntries(members);
}

function textOf(file: string, mistakes: ConfigFileMistake[]): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      mistakes.push(mistakeAt(file, `the file cannot be read (${code})`, "Look at its owner and mode."));
    }
    return null;
  }
}

function mistakeAt(file: string, message: string, suggestion: string | null): ConfigFileMistake {
  return { file, line: 1, column: 1, message, suggestion };
}

/** Whether a document has a value at a pointer. */
function holds(data: Json | undefined, pointer: string): boolean {
  let at: Json | undefined = data;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = (at as readonly Json[])[Number(name)];
    else if (isJsonObject(at) && Object.hasOwn(at, name)) at = at[name];
    else return false;
  }
  return at !== undefined;
}
