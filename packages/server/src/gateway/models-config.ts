import { isJsonObject, parseDuration, type Json, type JsonObject } from "@weftwork/core";
import { parseEndpoint } from "./providers/endpoint.ts";
import { PROVIDERS } from "./providers/known.ts";
import { MODEL_TIMEOUTS, type ModelTimeouts } from "./providers/patience.ts";
import { MEDIA_KINDS, type ModelAbilities } from "./model.ts";
import { nearestName } from "./nearest.ts";
import { Secret } from "../secrets/secret.ts";
import { pointerPart, withVariables, type ConfigMistake, type Environment } from "./variables.ts";

/** A model of the configuration, checked: what `openAiCompatible` needs to call it. */
export interface ModelDeployment {
  readonly name: string;
  readonly provider: string;
  readonly endpoint: string;
  /** What its server calls it. */
  readonly model: string;
  readonly apiKey: Secret | null;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly timeouts: Partial<ModelTimeouts>;
  readonly params: JsonObject;
  readonly stream: boolean;
  /** Null: not known. */
  readonly abilities: ModelAbilities | null;
}

export interface ModelsConfig {
  readonly deployments: readonly ModelDeployment[];
  /** Names that stand for another model: `text_generation: ollama/llama3.2`. */
  readonly aliases: Readonly<Record<string, string>>;
  /** The model that answers when a caller names none; null: the configuration does not say. */
  readonly default: string | null;
}

export const NO_MODELS_CONFIG: ModelsConfig = { deployments: [], aliases: {}, default: null };

const FIELDS = [
  "provider",
  "endpoint",
  "api_key",
  "model",
  "timeout",
  "params",
  "headers",
  "stream",
  "reads",
  "tools",
] as const;
const TIMES: Readonly<Record<string, keyof ModelTimeouts>> = {
  connect: "connectMs",
  first_token: "firstTokenMs",
  between_tokens: "betweenTokensMs",
  total: "totalMs",
};

/**
 * The section `models` (and `default_model`) of a configuration. A pure function: texts are replaced from the
 * environment given. All mistakes are reported together; what has none can be used.
 */
export function readModelsConfig(
  config: JsonObject,
  environment: Environment,
): { readonly models: ModelsConfig; readonly mistakes: readonly ConfigMistake[] } {
  const mistakes: ConfigMistake[] = [];
  const deployments: ModelDeployment[] = [];
  const aliases: Record<string, string> = Object.create(null) as Record<string, string>;
  const section = config["models"] ?? {};
  if (!isJsonObject(section)) {
    mistakes.push({
      pointer: "/models",
      message: "models is not a map of names",
      suggestion: "Write each model under its name: models: {my_model: {endpoint: …}}.",
    });
    return { models: NO_MODELS_CONFIG, mistakes };
  }
  for (const [name, written] of Object.entries(section)) {
    const pointer = `/models${pointerPart(name)}`;
    if (!isNameOk(name, pointer, mistakes)) continue;
    const value = withVariables(written, environment, pointer, mistakes);
    if (typeof value === "string" && value !== "") aliases[name] = value;
    else if (isJsonObject(value)) deployments.push(new DeploymentReader(name, pointer, value, mistakes).read());
    else {
      const suggestion = "Write a map with provider, endpoint and api_key, or the name of another model.";
      mistakes.push({ pointer, message: `the model ${name} is neither a map nor a name`, suggestion });
    }
  }
  return { models: { deployments, aliases, default: defaultIn(config, environment, mistakes) }, mistakes };
}

function defaultIn(config: JsonObject, environment: Environment, mistakes: ConfigMistake[]): string | null {
  const written = config["default_model"];
  if (written === undefined || written === null) return null;
  const name = withVariables(written, environment, "/default_model", mistakes);
  if (typeof name === "string" && name !== "") return name;
  const message = "default_model is not the name of a model";
  mistakes.push({ pointer: "/default_model", message, suggestion: null });
  return null;
}

function isNameOk(name: string, pointer: string, mistakes: ConfigMistake[]): boolean {
  if (name.startsWith("builtin/")) {
    const suggestion = "Choose another name; it may stand for a builtin one: my_model: builtin/extract.";
    mistakes.push({ pointer, message: "names that begin with builtin/ belong to the builtin models", suggestion });
    return false;
  }
  if (/^[^\s\p{Cc}]{1,200}$/u.test(name)) return true;
  mistakes.push({ pointer, message: "the name of a model is empty, too long, or has spaces in it", suggestion: null });
  return false;
}

/** Reads one deployment, field by field. A field with a mistake gets its default, so that all are looked at. */
class DeploymentReader {
  private readonly name: string;
  private readonly pointer: string;
  private readonly fields: JsonObject;
  private readonly mistakes: ConfigMistake[];

  constructor(name: string, pointer: string, fields: JsonObject, mistakes: ConfigMistake[]) {
    this.name = name;
    this.pointer = pointer;
    this.fields = fields;
    this.mistakes = mistakes;
  }

  read(): ModelDeployment {
    for (const field of Object.keys(this.fields)) {
      if ((FIELDS as readonly string[]).includes(field)) continue;
      const nearest = nearestName(field, FIELDS);
      const suggestion = nearest === null ? `Known fields: ${FIELDS.join(", ")}.` : `Did you mean ${nearest}?`;
      this.mistake(field, `a model has no field ${field}`, suggestion);
    }
    const provider = this.provider();
    return {
      name: this.name,
      provider,
      endpoint: this.endpoint(provider),
      model: this.text("model") ?? this.name,
      apiKey: this.apiKey(),
      headers: this.headers(),
      timeouts: this.timeouts(),
      params: this.params(),
      stream: this.flag("stream", true),
      abilities: this.abilities(),
    };
  }

  private mistake(field: string, message: string, suggestion: string | null = null): void {
    this.mistakes.push({ pointer: this.pointer + pointerPart(field), message, suggestion });
  }

  /** The text of a field; null where it is left out or wrong. An empty one is what an empty variable leaves. */
  private text(field: (typeof FIELDS)[number]): string | null {
    const value = this.fields[field];
    if (value === undefined || value === null) return null;
    if (typeof value === "string" && value.trim() !== "") return value.trim();
    // An empty text of an unset variable has been reported under the variable's name.
    if (value !== "" || !this.isReported(field)) {
      this.mistake(
        field,
        value === "" ? `${field} is empty` : `${field} is not text`,
        "Write it, or leave the field out.",
      );
    }
    return null;
  }

  private isReported(field: string): boolean {
    const pointer = this.pointer + pointerPart(field);
    return this.mistakes.some((one) => one.pointer === pointer);
  }

  private provider(): string {
    const written = this.text("provider") ?? "openai_compatible";
    const provider = written.toLowerCase().replaceAll(/[-. ]/g, "_");
    if (Object.hasOwn(PROVIDERS, provider)) return provider;
    const names = Object.keys(PROVIDERS);
    const nearest = nearestName(provider, names);
    const known = `Known: ${names.join(", ")}; any server with an OpenAI-compatible API is openai_compatible.`;
    this.mistake(
      "provider",
      `the provider ${written} is not known`,
      nearest ? `Did you mean ${nearest}? ${known}` : known,
    );
    return "openai_compatible";
  }

  private endpoint(provider: string): string {
    const text = this.text("endpoint");
    if (text === null) {
      const usual = PROVIDERS[provider]!.endpoint;
      if (usual !== null) return usual;
      const example = "Write the base URL of the API, such as https://host/v1.";
      if (this.fields["endpoint"] === undefined) this.mistake("endpoint", "the endpoint is missing", example);
      return "";
    }
    const endpoint = parseEndpoint(text);
    if ("mistake" in endpoint) {
      this.mistake("endpoint", `the endpoint ${endpoint.mistake}`, "Write it as https://host/v1.");
    }
    return text;
  }

  private apiKey(): Secret | null {
    const text = this.text("api_key");
    if (text === null) return null;
    if (isHeaderValue(text)) return new Secret(text);
    this.mistake("api_key", "the key has characters that no HTTP header can carry", "Look for line breaks and quotes.");
    return null;
  }

  private headers(): Readonly<Record<string, Secret>> {
    const headers: Record<string, Secret> = Object.create(null) as Record<string, Secret>;
    for (const [name, value] of Object.entries(this.map("headers"))) {
      const isOk = typeof value === "string" && isHeaderValue(value) && /^[\w!#$%&'*+.^`|~-]+$/.test(name);
      if (isOk) headers[name] = new Secret(value);
      else this.mistake("headers", `the header ${JSON.stringify(name.slice(0, 80))} cannot be sent`);
    }
    return headers;
  }

  private timeouts(): Partial<ModelTimeouts> {
    const written = this.fields["timeout"];
    if (written === undefined || written === null) return {};
    if (!isJsonObject(written)) {
      const totalMs = this.duration(written, "timeout");
      return totalMs === null ? {} : atMost(totalMs);
    }
    const timeouts: { -readonly [K in keyof ModelTimeouts]?: number } = {};
    for (const [name, value] of Object.entries<Json>(written)) {
      const key = Object.hasOwn(TIMES, name) ? TIMES[name] : undefined;
      const ms = key ? this.duration(value, `timeout.${name}`) : null;
      if (key && ms !== null) timeouts[key] = ms;
      if (!key) this.mistake("timeout", `timeout has no part ${name}`, `Known: ${Object.keys(TIMES).join(", ")}.`);
    }
    return timeouts;
  }

  private duration(value: Json, what: string): number | null {
    const ms = parseDuration(value);
    if (ms !== null && ms > 0 && ms <= 86_400_000) return ms;
    this.mistake("timeout", `${what} is no duration`, 'Write seconds, or text such as "30s" or "5m", up to a day.');
    return null;
  }

  private params(): JsonObject {
    const params = this.map("params");
    for (const name of ["model", "messages", "stream", "stream_options"]) {
      if (Object.hasOwn(params, name)) this.mistake("params", `params cannot set ${name}; each call does`);
    }
    return params;
  }

  private flag(field: "stream" | "tools", standard: boolean): boolean {
    const value = this.fields[field] ?? standard;
    if (typeof value === "boolean") return value;
    this.mistake(field, `${field} is neither true nor false`);
    return standard;
  }

  /** Either field says what the model can do; one alone leaves the other at its widest. */
  private abilities(): ModelAbilities | null {
    const { reads = null, tools = null } = this.fields;
    if (reads === null && tools === null) return null;
    const given = reads === null ? [...MEDIA_KINDS] : Array.isArray(reads) ? (reads as readonly Json[]) : [reads];
    const media = MEDIA_KINDS.filter((kind) => given.includes(kind));
    if (media.length !== new Set(given).size)
      this.mistake(
        "reads",
        "reads is no list of kinds of files",
        `Known: ${MEDIA_KINDS.join(", ")}; [] is text alone.`,
      );
    return { media, tools: this.flag("tools", true) };
  }

  private map(field: "params" | "headers"): JsonObject {
    const value = this.fields[field] ?? {};
    if (isJsonObject(value)) return value;
    this.mistake(field, `${field} is not a map`);
    return {};
  }
}

/** What any HTTP header can carry: printable ASCII. */
function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** One number is the time in all. Who raises it has a slow model, which may use all of it for its first token. */
function atMost(totalMs: number): Partial<ModelTimeouts> {
  const { firstTokenMs, betweenTokensMs } = MODEL_TIMEOUTS;
  return {
    totalMs,
    firstTokenMs: Math.max(totalMs, firstTokenMs),
    betweenTokensMs: Math.max(totalMs, betweenTokensMs),
  };
}
