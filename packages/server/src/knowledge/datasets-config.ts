import { resolve } from "node:path";
import { isJsonObject, type Json } from "@weftwork/core";
import { pointerPart, withVariables, type ConfigMistake, type Environment } from "../gateway/variables.ts";

/** Folders by the name of the dataset, as whole paths. */
export type DatasetFolders = Readonly<Record<string, string>>;

const NAME = /^[^\s,=\p{Cc}]{1,200}$/u;

/**
 * The section `datasets` of a configuration: `name: {folder: path}`, or short `name: path`. Paths go from `base`. All
 * mistakes are reported together; what has none can be used.
 */
export function readDatasets(
  section: Json,
  environment: Environment,
  base: string,
): { readonly folders: DatasetFolders; readonly mistakes: readonly ConfigMistake[] } {
  const mistakes: ConfigMistake[] = [];
  const folders: Record<string, string> = Object.create(null) as Record<string, string>;
  if (!isJsonObject(section)) {
    const suggestion = "Write each dataset under its name: datasets: {handbook: {folder: ./handbook}}.";
    mistakes.push({ pointer: "/datasets", message: "datasets is not a map of names", suggestion });
    return { folders, mistakes };
  }
  for (const [name, written] of Object.entries<Json>(section)) {
    const pointer = `/datasets${pointerPart(name)}`;
    const before = mistakes.length;
    const value = withVariables(written, environment, pointer, mistakes);
    if (mistakes.length > before) continue;
    if (!NAME.test(name)) {
      const message = "the name of a dataset is empty, too long, or has spaces, commas or = in it";
      mistakes.push({ pointer, message, suggestion: null });
      continue;
    }
    const folder = isJsonObject(value) ? value["folder"] : value;
    const others = isJsonObject(value) ? Object.keys(value).filter((key) => key !== "folder") : [];
    if (others.length > 0) {
      const message = `a dataset has no field ${others[0]}`;
      mistakes.push({ pointer: pointer + pointerPart(others[0]!), message, suggestion: "Known fields: folder." });
    } else if (typeof folder === "string" && folder.trim() !== "") folders[name] = resolve(base, folder.trim());
    else {
      const suggestion = "Write the folder with its documents: {folder: ./handbook}.";
      mistakes.push({ pointer, message: `the dataset ${name} has no folder`, suggestion });
    }
  }
  return { folders, mistakes };
}

/** `handbook=./handbook,faq=/srv/faq` as folders by name, or what is wrong with it. Paths go from `base`. */
export function parseDatasetList(text: string, base: string): { readonly value: DatasetFolders } | { mistake: string } {
  const folders: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const [name, folder] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    if (at < 0 || !NAME.test(name) || folder === "") {
      return { mistake: `has ${JSON.stringify(part.trim())}; write datasets as handbook=./handbook,faq=/srv/faq` };
    }
    folders[name] = resolve(base, folder);
  }
  return { value: folders };
}
