import { isJsonObject, type Json } from "@weftwork/core";
import { request } from "undici";
import { LOCAL_SERVERS, type LocalServer } from "./providers/known.ts";
import { readText } from "./providers/response-text.ts";

/** A model that a server on this machine offers. */
export interface DiscoveredModel {
  /** `ollama/llama3.2`. */
  readonly name: string;
  readonly provider: LocalServer;
  readonly endpoint: string;
  /** What its server calls it. */
  readonly model: string;
}

/** What a probe needs of HTTP: the body of a successful answer, or null. */
export type Probe = (url: string, signal: AbortSignal) => Promise<string | null>;

export interface DiscoverOptions {
  /** Where Ollama says that it listens: the variable `OLLAMA_HOST`. Obeyed when it is this machine. */
  readonly ollamaHost?: string | undefined;
  /** Ports to ask instead of the usual ones; null leaves a server out. */
  readonly ports?: Readonly<Partial<Record<LocalServer, number | null>>>;
  readonly timeoutMs?: number;
  readonly probe?: Probe;
}

const PROBE_MS = 300;
const LIST_BYTES_MAX = 1024 * 1024;
const MODELS_MAX = 200;

/**
 * The models of the servers that run on this machine, found by asking each for its list. Only loopback is asked, all
 * at once, for 300 ms at most, and never with a prompt. A server that is not there is no mistake.
 */
export async function discoverModels(options: DiscoverOptions = {}): Promise<readonly DiscoveredModel[]> {
  const { timeoutMs = PROBE_MS, probe = getText } = options;
  const ask = async (server: LocalServer): Promise<readonly DiscoveredModel[]> => {
    const origin = originOf(server, options);
    if (origin === null) return [];
    const path = server === "ollama" ? "/api/tags" : "/v1/models";
    const text = await probe(`${origin}${path}`, AbortSignal.timeout(timeoutMs)).catch(() => null);
    return text === null ? [] : parseModelList(server, origin, text);
  };
  const found = await Promise.all((Object.keys(LOCAL_SERVERS) as LocalServer[]).map(ask));
  // Two servers may be asked at one address; the first that names a model has it.
  return [
    ...new Map(
      found
        .flat()
        .toReversed()
        .map((one) => [one.name, one] as const),
    ).values(),
  ].toReversed();
}

/** The models in the answer of a server: `{models: [{name}]}` of Ollama, `{data: [{id}]}` of the others. */
export function parseModelList(server: LocalServer, origin: string, text: string): readonly DiscoveredModel[] {
  let list: Json | undefined;
  try {
    const answer = JSON.parse(text) as Json;
    list = isJsonObject(answer) ? answer[server === "ollama" ? "models" : "data"] : undefined;
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  const models: DiscoveredModel[] = [];
  for (const one of (list as readonly Json[]).slice(0, MODELS_MAX)) {
    const model = isJsonObject(one) ? one[server === "ollama" ? "name" : "id"] : undefined;
    if (typeof model !== "string" || !isChatModel(model)) continue;
    models.push({ name: `${server}/${shortName(server, model)}`, provider: server, endpoint: `${origin}/v1`, model });
  }
  return models;
}

/** Lists hold models for vectors, ranking and sound too; their names say so. */
function isChatModel(model: string): boolean {
  return model.trim() !== "" && !/\s|embed|rerank|whisper|(?:^|[-_/])(?:bge|tts)[-_]/i.test(model);
}

/** llama.cpp names a model by its file; Ollama calls the usual variant `latest`. */
function shortName(server: LocalServer, model: string): string {
  if (server === "ollama") return model.replace(/:latest$/, "");
  if (server === "llama_cpp") return model.slice(model.search(/[^/\\]*$/)).replace(/\.gguf$/i, "") || model;
  return model;
}

function originOf(server: LocalServer, { ports = {}, ollamaHost }: DiscoverOptions): string | null {
  const port = ports[server];
  if (port === null) return null;
  if (port !== undefined) return `http://127.0.0.1:${port}`;
  if (server === "ollama" && ollamaHost !== undefined && ollamaHost.trim() !== "")
    return ollamaOrigin(ollamaHost.trim());
  return `http://127.0.0.1:${LOCAL_SERVERS[server].port}`;
}

/**
 * `OLLAMA_HOST` as an origin: `host`, `host:port`, `:port` or a URL. `0.0.0.0` is what a server binds that listens
 * everywhere, so it is on this machine too. Null when it is another machine: that one is configured, never probed.
 */
export function ollamaOrigin(text: string): string | null {
  const written = text.startsWith(":") ? `127.0.0.1${text}` : text;
  const hasScheme = /^https?:\/\//i.test(written);
  const url = URL.parse(hasScheme ? written : `http://${written}`);
  if (url === null) return null;
  const host = url.hostname === "0.0.0.0" || url.hostname === "[::]" ? "127.0.0.1" : url.hostname;
  if (!/^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/.test(host)) return null;
  const hasPort = /:\d+\/?$/.test(written);
  const port =
    url.port || (hasScheme || hasPort ? (url.protocol === "https:" ? "443" : "80") : String(LOCAL_SERVERS.ollama.port));
  return `${url.protocol}//${host}:${port}`;
}

/** A request of its own connection, without redirects. */
async function getText(url: string, signal: AbortSignal): Promise<string | null> {
  const { statusCode, body } = await request(url, { signal, reset: true, headers: { accept: "application/json" } });
  const text = await readText(body, { limit: LIST_BYTES_MAX, cut: true });
  return statusCode === 200 ? text : null;
}
