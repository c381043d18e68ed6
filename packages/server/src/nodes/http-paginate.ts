import { AppError, evaluate, isJsonObject, parseExpression, type Expression, type Json } from "@weftwork/core";
import { failedAnswer, readAnswer, type Answer, type AnswerContext } from "./http-answer.ts";
import type { ChosenOutcome } from "./define-node.ts";
import { finalError, tooLarge } from "./http-errors.ts";
import { fieldsRefused, type HttpFields, type Paginate } from "./http-fields.ts";
import { follow, requestAt, type Answered } from "./http-follow.ts";
import type { HttpRequest } from "./http-request.ts";

const PAGES_MAX = 100;
const ITEMS_MAX = 10_000;

/** What a step gives that read several pages: the answer to the last one, with the items of all. */
export interface Pages extends Omit<Answer, "body"> {
  readonly body: readonly Json[];
  readonly pages: number;
  /** Whether there was no page after these. */
  readonly complete: boolean;
}

/** Reads a value of a page: by a JSON Pointer (RFC 6901), or by an expression over `body headers status page`. */
type PageReader = (answer: Answer, page: number) => Json;

/**
 * Asks for page after page until there is none, or a limit is reached. Every page is a request like the first, under
 * the same guard. All pages together take ten times the memory of one answer at most.
 */
export async function allPages(
  first: HttpRequest,
  fields: HttpFields & { readonly paginate: Paginate },
  context: AnswerContext,
): Promise<Pages | ChosenOutcome> {
  const { paginate } = fields;
  const [pagesMax, itemsMax] = [paginate.pages_max ?? PAGES_MAX, paginate.items_max ?? ITEMS_MAX];
  const program = programOf(paginate);
  const items: Json[] = [];
  const seen = new Set<string>();
  let request = first;
  let bytes = 0;
  for (let page = 1; ; page++) {
    const answered = await follow(page === 1 ? request : withKeyOf(request, page), context);
    const failed = await failedAnswer(answered, fields, context);
    if (failed) return failed;
    const { size, ...answer } = await readAnswer(answered, fields.response === "json" ? "json" : "auto", {
      ...context,
      files: null,
    });
    bytes += size;
    if (bytes > context.responseBytesMax * 10) throw tooLarge(bytes, context.responseBytesMax * 10);
    const found = program.items(answer, page);
    if (!Array.isArray(found))
      throw finalError(answered.url, `page ${page} has no list at ${JSON.stringify(paginate.items ?? "")}`);
    const list = found as readonly Json[];
    const room = itemsMax - items.length;
    for (const item of list.slice(0, room)) items.push(item);
    const next = program.next({ first, answered, answer, page, isEmpty: list.length === 0 });
    const isCut = list.length > room;
    if (next === null || isCut || items.length === itemsMax || page === pagesMax) {
      return { ...answer, body: items, pages: page, complete: next === null && !isCut };
    }
    if (seen.has(next.place)) throw finalError(answered.url, `page ${page} points to a page that was read already`);
    seen.add(next.place);
    request = next.request;
  }
}

interface Page {
  readonly first: HttpRequest;
  readonly answered: Answered;
  readonly answer: Answer;
  readonly page: number;
  readonly isEmpty: boolean;
}

/** The request for the page after this one, and what tells it from others. */
interface NextPage {
  readonly request: HttpRequest;
  readonly place: string;
}

interface Program {
  readonly items: PageReader;
  readonly next: (page: Page) => NextPage | null;
}

function programOf({ next, link, cursor, items }: Paginate): Program {
  const ways = [next, link || null, cursor].filter((way) => way !== null && way !== undefined);
  if (ways.length !== 1) throw fieldsRefused("paginate takes exactly one of next, link: true and cursor");
  const readItems = readerOf("items", items ?? "");
  if (cursor) {
    const read = readerOf("cursor.from", cursor.from);
    return { items: readItems, next: (page) => cursorPage(page, cursor.param, read(page.answer, page.page)) };
  }
  if (next) {
    const read = readerOf("next", next);
    return { items: readItems, next: (page) => pageAt(page, read(page.answer, page.page)) };
  }
  return { items: readItems, next: (page) => pageAt(page, linkNext(page.answer)) };
}

/** The first request again, with the cursor in its query. A page without items is the last. */
function cursorPage({ first, answered, page, isEmpty }: Page, param: string, cursor: Json): NextPage | null {
  if (isEmpty || isNothing(cursor)) return null;
  if (typeof cursor !== "string" && typeof cursor !== "number") {
    throw finalError(answered.url, `the cursor of page ${page} is neither text nor a number`);
  }
  const query = [...first.query.filter(([name]) => name !== param), [param, String(cursor)] as const];
  return { request: { ...first, url: withoutParam(first.url, param), query }, place: String(cursor) };
}

/** A parameter that stands in the URL already would be there twice. URLs without it stay as their author wrote them. */
function withoutParam(text: string, param: string): string {
  const url = URL.parse(text);
  if (!url?.searchParams.has(param)) return text;
  url.searchParams.delete(param);
  return url.href;
}

function pageAt({ answered, page }: Page, place: Json): NextPage | null {
  if (isNothing(place)) return null;
  const target = typeof place === "string" ? URL.parse(place, answered.url) : null;
  if (target === null) throw finalError(answered.url, `what page ${page} names as the next is not a URL`);
  return { request: requestAt(answered.request, answered, target), place: target.href };
}

function isNothing(value: Json): boolean {
  return value === null || value === "" || value === false;
}

/** A page that is asked for is another request: its key must not bring back the answer to the first. */
function withKeyOf(request: HttpRequest, page: number): HttpRequest {
  const key = request.headers.get("idempotency-key");
  if (key === undefined) return request;
  return {
    ...request,
    headers: new Map(request.headers).set("idempotency-key", `${key.replace(/ page \d+$/, "")} page ${page}`),
  };
}

/** The target of `rel="next"` in a `Link` header (RFC 8288); null where there is none. */
function linkNext({ headers }: Answer): string | null {
  const given = headers["link"];
  const text = Array.isArray(given) ? given.join(", ") : (given ?? "");
  for (const [, target, parameters] of text.matchAll(/<([^<>]*)>([^<]*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters!);
    if ((rel?.[1] ?? rel?.[2] ?? "").toLowerCase().split(/\s+/).includes("next")) return target!;
  }
  return null;
}

function readerOf(field: string, text: string): PageReader {
  if (text === "" || text.startsWith("/")) {
    const path = text
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return ({ body }) => path.reduce<Json>(memberOf, body as Json);
  }
  const parsed = parseExpression(text);
  if (parsed.ok) return (answer, page) => evaluated(field, parsed.expression, answer, page);
  throw new AppError("EXPRESSION_ERROR", {
    reason: `paginate.${field}: ${parsed.problem.message}`,
    offset: parsed.problem.offset,
  });
}

function memberOf(value: Json, name: string): Json {
  if (Array.isArray(value)) return /^\d{1,9}$/.test(name) ? ((value as readonly Json[])[Number(name)] ?? null) : null;
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name]! : null;
}

function evaluated(field: string, expression: Expression, answer: Answer, page: number): Json {
  const names: Readonly<Record<string, Json>> = { ...answer, body: answer.body as Json, page };
  try {
    return evaluate(expression, { lookup: (name) => (Object.hasOwn(names, name) ? names[name] : undefined) });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const reason = `paginate.${field}, at page ${page}: ${String(error.details["reason"] ?? error.message)}`;
    throw new AppError(error.code, { ...error.details, reason }, { cause: error });
  }
}
