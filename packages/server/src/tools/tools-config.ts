import { isJsonObject, parseDuration, type Json, type JsonObject } from "@weftwork/core";
import { nearestName } from "../gateway/nearest.ts";
import { pointerPart, withVariables, type ConfigMistake, type Environment } from "../gateway/variables.ts";
import { secretNames, withoutSecrets } from "./credentials.ts";

/** Names of the tools that are always there. */
export const BUILTIN_NAMES = ["current_time", "calculate", "json_query", "fetch_page"] as const;

/** A tool set of the configuration, checked. */
export type ToolSetConfig =
  | (RemoteSet & { readonly kind: "openapi"; readonly file: string })
  | (RemoteSet & { readonly kind: "mcp" })
  | { readonly kind: "workflow"; readonly name: string; readonly workflow: string; readonly version: string | null };

interface RemoteSet {
  readonly name: string;
  readonly url: string;
  /** Texts in which `{{ secrets.NAME }}` may stand. */
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: JsonObject | null;
  /** Texts of headers and auth that variables of the environment are part of. */
  readonly hidden: readonly string[];
  /** Only these tools; null: all. */
  readonly only: readonly string[] | null;
  readonly timeoutMs: number;
}

const FIELDS: Readonly<Record<ToolSetConfig["kind"], readonly string[]>> = {
  openapi: ["kind", "file", "url", "headers", "auth", "only", "timeout"],
  mcp: ["kind", "url", "headers", "auth", "only", "timeout"],
  workflow: ["kind", "workflow", "version"],
};
const TIMEOUT_MS = 60_000;
const AUTH = "Write {bearer}, {basic: {username, password}}, {header, value} or {query, value}.";

/**
 * The section `tools` of a configuration. A pure function: no file is read and nobody is asked. All mistakes are
 * reported together; sets without one can be used.
 */
export function readToolsConfig(
  section: Json,
  environment: Environment,
): { readonly sets: readonly ToolSetConfig[]; readonly mistakes: readonly ConfigMistake[] } {
  const mistakes: ConfigMistake[] = [];
  if (!isJsonObject(section)) {
    const suggestion = "Write each tool set under its name: tools: {shop: {kind: openapi, …}}.";
    return { sets: [], mistakes: [{ pointer: "/tools", message: "tools is not a map of names", suggestion }] };
  }
  const sets: ToolSetConfig[] = [];
  for (const [name, written] of Object.entries(section)) {
    const before = mistakes.length;
    const set = new SetReader(name, written, environment, mistakes).read();
    if (set !== null && mistakes.length === before) sets.push(set);
  }
  return { sets, mistakes };
}

/** Reads one set, field by field, so that all its mistakes are found. */
class SetReader {
  private readonly name: string;
  private readonly pointer: string;
  private readonly written: Json;
  private readonly fields: JsonObject;
  private readonly mistakes: ConfigMistake[];

  constructor(name: string, written: Json, environment: Environment, mistakes: ConfigMistake[]) {
    this.name = name;
    this.pointer = `/tools${pointerPart(name)}`;
    this.written = written;
    this.mistakes = mistakes;
    const value = withVariables(written, environment, this.pointer, mistakes);
    this.fields = isJsonObject(value) ? value : {};
  }

  read(): ToolSetConfig | null {
    if (!/^[a-z][a-z0-9_-]{0,63}$/.test(this.name)) {
      this.mistake("", "the name of a tool set is a to z, 0 to 9, _ and -, beginning with a letter", null);
    } else if ((BUILTIN_NAMES as readonly string[]).includes(this.name)) {
      this.mistake("", `${this.name} is a builtin tool`, "Choose another name.");
    }
    if (!isJsonObject(this.written)) {
      this.mistake("", `the tool set ${this.name} is not a map`, "Write a map with kind: openapi, mcp or workflow.");
      return null;
    }
    const kind = this.kind();
    if (kind === null) return null;
    for (const field of Object.keys(this.fields)) {
      if (FIELDS[kind].includes(field)) continue;
      const nearest = nearestName(field, FIELDS[kind]);
      const known = `Known fields: ${FIELDS[kind].join(", ")}.`;
      this.mistake(
        field,
        `a tool set of kind ${kind} has no field ${field}`,
        nearest ? `Did you mean ${nearest}?` : known,
      );
    }
    const { name } = this;
    if (kind === "workflow") return { kind, name, workflow: this.needed("workflow"), version: this.text("version") };
    const remote = {
      name,
      url: this.url(kind),
      headers: this.headers(),
      auth: this.auth(),
      hidden: this.hidden(),
      only: this.only(),
      timeoutMs: this.timeout(),
    };
    return kind === "openapi" ? { kind, ...remote, file: this.needed("file") } : { kind, ...remote };
  }

  private mistake(field: string, message: string, suggestion: string | null): void {
    this.mistakes.push({
      pointer: field === "" ? this.pointer : this.pointer + pointerPart(field),
      message,
      suggestion,
    });
  }

  private kind(): ToolSetConfig["kind"] | null {
    const { kind } = this.fields;
    if (kind === "openapi" || kind === "mcp" || kind === "workflow") return kind;
    // Programs that a configuration, or a file from elsewhere, could name are never started.
    if (kind === "stdio" || "command" in this.fields) {
      this.mistake(
        "command" in this.fields ? "command" : "kind",
        "MCP servers are reached over HTTP only; none is started as a program",
        "Start the server yourself with its HTTP transport, and write kind: mcp and its url.",
      );
    } else this.mistake("kind", "kind is none of openapi, mcp and workflow", "Write kind: openapi, mcp or workflow.");
    return null;
  }

  private text(field: string): string | null {
    const value = this.fields[field];
    if (value === undefined || value === null) return null;
    if (typeof value === "string" && value.trim() !== "") return value.trim();
    this.mistake(field, `${field} is ${value === "" ? "empty" : "not text"}`, null);
    return null;
  }

  private needed(field: string): string {
    const text = this.text(field);
    if (text === null && (this.fields[field] ?? null) === null) this.mistake(field, `${field} is missing`, null);
    return text ?? "";
  }

  private url(kind: ToolSetConfig["kind"]): string {
    const text = this.needed("url");
    const url = text === "" ? null : URL.parse(text);
    const isOk = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
    // Paths are put behind the address of a described service.
    const isEnded = url !== null && (url.hash !== "" || (kind === "openapi" && url.search !== ""));
    if (text !== "" && (!isOk || isEnded)) {
      this.mistake("url", "url is no address of a service", "Write it as https://host/path; credentials go into auth.");
    }
    return text;
  }

  private headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.map("headers") ?? {})) {
      if (typeof value === "string" && /^[\w!#$%&'*+.^`|~-]+$/.test(name) && this.isPlain("headers", value)) {
        headers[name] = value;
      } else if (typeof value !== "string")
        this.mistake("headers", `the header ${name.slice(0, 80)} is not text`, null);
    }
    return headers;
  }

  private auth(): JsonObject | null {
    const auth = this.map("auth");
    if (auth === null) return null;
    const isTexts = (map: Json, keys: string): boolean =>
      isJsonObject(map) &&
      Object.keys(map).toSorted().join() === keys &&
      Object.values<Json>(map).every((value) => typeof value === "string" && this.isPlain("auth", value));
    const isBasic = Object.keys(auth).join() === "basic" && isTexts(auth["basic"]!, "password,username");
    if (isBasic || ["bearer", "header,value", "query,value"].some((keys) => isTexts(auth, keys))) return auth;
    this.mistake("auth", "auth is no way to sign in", AUTH);
    return null;
  }

  /** Whether nothing stands in a text that only a workflow could fill. */
  private isPlain(field: string, text: string): boolean {
    const rest = withoutSecrets(text);
    if (!/\{\{|\{%/.test(rest) && (secretNames(text).length > 0 || rest === text)) return true;
    this.mistake(field, "only {{ secrets.NAME }} can stand in it", "Write {{ secrets.NAME }}, or ${NAME}.");
    return false;
  }

  private hidden(): readonly string[] {
    const written = this.written as JsonObject;
    return ["headers", "auth"].flatMap((field) => changed(written[field], this.fields[field]));
  }

  private only(): readonly string[] | null {
    const value = this.fields["only"];
    if (value === undefined || value === null) return null;
    const names = Array.isArray(value) ? (value as readonly Json[]) : [];
    if (names.length > 0 && names.every((name) => typeof name === "string")) return names as readonly string[];
    this.mistake("only", "only is not a list of names of tools", null);
    return null;
  }

  private timeout(): number {
    const value = this.fields["timeout"];
    if (value === undefined || value === null) return TIMEOUT_MS;
    const ms = parseDuration(value);
    if (ms !== null && ms > 0 && ms <= 3_600_000) return ms;
    this.mistake("timeout", "timeout is no duration", 'Write seconds, or text such as "30s" or "5m", up to an hour.');
    return TIMEOUT_MS;
  }

  private map(field: string): JsonObject | null {
    const value = this.fields[field];
    if (value === undefined || value === null) return null;
    if (isJsonObject(value)) return value;
    this.mistake(field, `${field} is not a map`, null);
    return null;
  }
}

/** The texts of a value that variables have changed. */
function changed(before: Json | undefined, after: Json | undefined): readonly string[] {
  if (typeof after === "string") return before === after || after === "" ? [] : [after];
  if (!isJsonObject(after as Json)) return [];
  return Object.entries<Json>(after as JsonObject).flatMap(([key, member]) =>
    changed(isJsonObject(before as Json) ? (before as JsonObject)[key] : undefined, member),
  );
}
