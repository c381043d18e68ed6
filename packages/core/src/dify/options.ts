import type { Json, JsonObject } from "../base/json.ts";
import { mapAt, textAt } from "./read.ts";

export interface ImportOptions {
  /** Name of the workflow; left out: made of the app's name. */
  readonly name?: string;
  /** Of several triggers the one that a run begins at where it names none; left out: the first. */
  readonly root?: string;
  /** `dify` holds nodes to Dify's own limits of sizes and times; left out: those of this server. */
  readonly limits?: "dify";
  /** Values of the environment, by name, in place of those of the file: secrets that an export leaves empty. */
  readonly env?: Readonly<Record<string, Json>>;
}

/** What a file says itself about its import, in a map that Dify passes over: `weftwork: {name, root, limits}`. */
export function ownOptions(document: JsonObject): ImportOptions {
  const own = mapAt(document, "weftwork");
  const [name, root] = [textAt(own, "name"), textAt(own, "root")];
  return {
    ...(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name) ? { name } : {}),
    ...(root === "" ? {} : { root }),
    ...(textAt(own, "limits") === "dify" ? { limits: "dify" } : {}),
  };
}
