import { AppError, evaluate, parseExpression, parseJson, type Json } from "@weftwork/core";
import type { Tool } from "../tool.ts";

/** What one expression may cost; a model writes it, so it is less than a step may use. */
const OPERATIONS_MAX = 20_000;

/** Arithmetic in the language of expressions. Nothing of the run can be read, and nothing is run as code. */
export function calculate(): Tool {
  const name = "calculate";
  return {
    name,
    description: "Computes an arithmetic expression, such as (12 + 3) * 4 / 5, 17 % 5, 7 // 2 or 2.5 | round.",
    parameters: {
      type: "object",
      required: ["expression"],
      properties: { expression: { type: "string", minLength: 1, maxLength: 2000 } },
      additionalProperties: false,
    },
    async call({ expression }) {
      const value = valueOf(name, String(expression), () => undefined);
      if (typeof value === "number" || typeof value === "boolean") return value;
      throw new AppError("TOOL_FAILED", {
        tool: name,
        reason: "the expression gives no number; names mean nothing here",
      });
    },
  };
}

/** One value out of a JSON document: by JSON Pointer, or by an expression over `data`. */
export function jsonQuery(): Tool {
  const name = "json_query";
  return {
    name,
    description:
      "Finds a value in a JSON document: by JSON Pointer (/items/0/name), or by an expression over data " +
      "(data['items'] | length).",
    parameters: {
      type: "object",
      required: ["data"],
      properties: {
        data: { description: "The document, or its JSON text." },
        pointer: { type: "string", description: "JSON Pointer to the value." },
        expression: { type: "string", minLength: 1, maxLength: 2000, description: "Expression in which data is it." },
      },
      additionalProperties: false,
    },
    async call({ data, pointer, expression }) {
      const document = documentOf(data ?? null);
      if (typeof expression === "string" && pointer === undefined) {
        return valueOf(name, expression, (root) => (root === "data" ? document : undefined));
      }
      if (expression === undefined) return pointed(document, typeof pointer === "string" ? pointer : "");
      throw new AppError("TOOL_FAILED", { tool: name, reason: "give a pointer or an expression, not both" });
    },
  };

  function documentOf(data: Json): Json {
    if (typeof data !== "string") return data;
    try {
      return parseJson(data);
    } catch {
      throw new AppError("TOOL_FAILED", { tool: name, reason: "data is text that is not JSON" });
    }
  }

  /** RFC 6901. */
  function pointed(document: Json, pointer: string): Json {
    if (pointer !== "" && !pointer.startsWith("/")) {
      throw new AppError("TOOL_FAILED", { tool: name, reason: "a JSON Pointer begins with /" });
    }
    let at: Json | undefined = document;
    for (const part of pointer.split("/").slice(1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(key) ? (at as readonly Json[])[Number(key)] : undefined;
      else at = typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as never)[key] : undefined;
      if (at === undefined) throw new AppError("TOOL_FAILED", { tool: name, reason: `there is nothing at ${pointer}` });
    }
    return at;
  }
}

function valueOf(tool: string, source: string, lookup: (name: string) => Json | undefined): Json {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw new AppError("TOOL_FAILED", { tool, reason: parsed.problem.message });
  return evaluate(parsed.expression, { lookup }, { operations: OPERATIONS_MAX, bytes: 1_000_000 });
}
