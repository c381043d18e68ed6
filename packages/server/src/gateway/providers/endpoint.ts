/** Where a model is called. Made once from the text of the configuration. */
export interface Endpoint {
  /** `https://host:port`, what a pool of connections belongs to. */
  readonly origin: string;
  /** Path and query of the chat call. */
  readonly chatPath: string;
  /** Path and query of the call that turns texts into vectors. */
  readonly embeddingsPath: string;
  /** Origin and base path, without the query, which may hold a key. */
  readonly shown: string;
}

const CHAT = "/chat/completions";

/** The endpoint that a text names, or what is wrong with it, in words that do not repeat the text. */
export function parseEndpoint(text: string): Endpoint | { readonly mistake: string } {
  const url = URL.parse(text.trim());
  if (url === null) return { mistake: "is no absolute URL" };
  if (url.protocol !== "http:" && url.protocol !== "https:") return { mistake: "is neither http nor https" };
  if (url.username !== "" || url.password !== "") return { mistake: "carries credentials; they belong into api_key" };
  const path = url.pathname.replace(/\/+$/, "");
  const bare = path.endsWith(CHAT) ? path.slice(0, -CHAT.length) : path;
  // A host alone means the usual place of the OpenAI protocol on it.
  const base = path === "" ? "/v1" : bare;
  return {
    origin: url.origin,
    chatPath: `${base}${CHAT}${url.search}`,
    embeddingsPath: `${base}/embeddings${url.search}`,
    shown: `${url.origin}${base}`,
  };
}
