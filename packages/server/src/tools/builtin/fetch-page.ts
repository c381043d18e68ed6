import type { NodeTask } from "../../nodes/node.ts";
import type { Requester } from "../requests.ts";
import type { Tool } from "../tool.ts";
import { htmlText } from "./html-text.ts";

const LENGTH_DEFAULT = 20_000;
const LENGTH_MAX = 200_000;

/** Reads a web page as text. The address is the model's, so the guard of http steps stands before it. */
export function fetchPage(requester: Requester, task: NodeTask): Tool {
  const name = "fetch_page";
  return {
    name,
    description: "Fetches a web page, or another text at a public URL, and gives its title and its text.",
    parameters: {
      type: "object",
      required: ["url"],
      properties: {
        url: { type: "string", minLength: 1, maxLength: 4000, description: "http or https address." },
        max_length: { type: "integer", minimum: 100, maximum: LENGTH_MAX, description: "Most characters (20000)." },
      },
      additionalProperties: false,
    },
    async call({ url, max_length: most }, context) {
      const headers = { accept: "text/html, text/plain;q=0.9, application/json;q=0.8, */*;q=0.1" };
      const request = { method: "GET", url: String(url), headers, response: "text" as const };
      const { headers: answered, body } = await requester.send(name, request, task, context);
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const isHtml =
        /\bhtml\b/i.test(String(answered["content-type"] ?? "")) || /^\s*<(?:!doctype html|html)/i.test(text);
      const page = isHtml ? htmlText(text) : { title: "", text };
      const limit = typeof most === "number" ? most : LENGTH_DEFAULT;
      const isCut = page.text.length > limit;
      const shown = isCut ? page.text.slice(0, limit).toWellFormed() : page.text;
      return { title: page.title, text: shown, cut: isCut };
    },
  };
}
