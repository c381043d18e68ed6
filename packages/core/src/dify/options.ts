import type { Json } from "../base/json.ts";

export interface ImportOptions {
  /** Name of the workflow; left out: made of the app's name. */
  readonly name?: string;
  /** Node the run begins with where a file has several triggers; left out: the first. */
  readonly root?: string;
  /** `dify` holds nodes to Dify's own limits of sizes and times; left out: those of this server. */
  readonly limits?: "dify";
  /** Values of the environment, by name, in place of those of the file: secrets that an export leaves empty. */
  readonly env?: Readonly<Record<string, Json>>;
}
