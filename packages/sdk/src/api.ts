import { queryOf } from "./client-paths.ts";
import type { Page } from "./detail.ts";
import { errorOf } from "./problem.ts";

export interface ApiOptions {
  /** Default: `http://127.0.0.1:9338`. */
  readonly baseUrl?: string;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** Language of problems, as `Accept-Language`: `zh-CN`. Default: what the platform sends. */
  readonly language?: string;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** A repeat with the same key is the same run, for 24 hours. */
export interface RepeatableOptions extends CallOptions {
  readonly idempotencyKey?: string;
}

export interface SendOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  readonly text?: string;
  /** Its content type is set by the platform, with the boundary in it. */
  readonly form?: FormData;
}

/**
 * Requests to the native API of one server, which all parts of a client share. What the server refuses is thrown as
 * `WeftError`; where it does not answer, `fetch` throws.
 */
export class Api {
  readonly base: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly fetch: typeof fetch;

  constructor({ baseUrl = "http://127.0.0.1:9338", apiKey, language, fetch: given }: ApiOptions) {
    this.base = baseUrl.replace(/\/+$/, "");
    this.headers = {
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(language === undefined ? {} : { "accept-language": language }),
    };
    this.fetch = given ?? globalThis.fetch.bind(globalThis);
  }

  /** Requests carry a key. */
  get hasKey(): boolean {
    return "authorization" in this.headers;
  }

  async send(method: string, path: string, options: SendOptions): Promise<Response> {
    const body =
      options.form ?? options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const type: Record<string, string> = options.body === undefined ? {} : { "content-type": "application/json" };
    const response = await this.fetch(this.base + path, {
      method,
      headers: { ...this.headers, ...type, ...options.headers },
      ...(body === undefined ? {} : { body }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async json<Answer>(method: string, path: string, options: SendOptions): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }

  /** All pages of a list. */
  async all<Item>(path: string, options: CallOptions): Promise<readonly Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.json<Page<Item>>("GET", path + queryOf({ cursor }), options);
      items.push(...page.data);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }
}

/** A request that is the same run when it is repeated with its key. */
export function repeatable(body: object | undefined, { idempotencyKey, ...options }: RepeatableOptions): SendOptions {
  const headers: Record<string, string> = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
  return { ...options, headers, ...(body === undefined ? {} : { body }) };
}
