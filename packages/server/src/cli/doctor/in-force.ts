import { join } from "node:path";
import { isJsonObject, type Json } from "@weftwork/core";
import { readConfigFiles } from "../../config-files.ts";
import { settingsInForce } from "../../config.ts";

/** A value of the configuration, its secrets masked, and where it comes from. */
export interface InForce {
  readonly name: string;
  readonly value: Json;
  /** `WEFT_PORT`, `config/dev.yaml:3`, or null for the default. */
  readonly from: string | null;
}

const MASK = "***";
const SECRET = /key|secret|token|password|authorization|credential/i;

/** What a server started here and now would use: the settings of the environment, then the files of `./config`. */
export function inForce(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = join(process.cwd(), "config"),
): readonly InForce[] {
  const settings = settingsInForce(environment).map(({ name, variable, value, from }) => ({
    name,
    value: masked(name, value),
    from: from === "default" ? null : variable,
  }));
  const files = readConfigFiles(folder, environment["WEFT_ENV"] ?? "dev");
  const members = leaves(files.config).map(({ path, value }) => {
    const place = files.locate(`/${path.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`);
    const name = path.join(".");
    return { name, value: masked(name, value), from: place === null ? null : `${place.file}:${place.line}` };
  });
  return [...settings, ...members];
}

/** A key stays what it is where it only names a variable: `${API_KEY}` tells nothing. */
function masked(name: string, value: Json): Json {
  if (typeof value === "string" && /^\w+:\/\/[^/]*@/.test(value)) return withoutPassword(value);
  if (!SECRET.test(name) || value === null || typeof value === "number" || typeof value === "boolean") return value;
  return typeof value === "string" && /^\$\{\w+\}$/.test(value) ? value : MASK;
}

function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  if (url.password !== "") url.password = MASK;
  return url.href;
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: Json;
}

function leaves(value: Json, path: readonly string[] = []): readonly Leaf[] {
  if (!isJsonObject(value) || (Object.keys(value).length === 0 && path.length > 0)) return [{ path, value }];
  return Object.entries<Json>(value).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}
