import { AppError, encodeJson, type JsonObject } from "@weftwork/core";
import type { NodeTask } from "../../nodes/node.ts";
import type { Requester, ToolAnswer } from "../requests.ts";
import type { ToolCallContext } from "../tool.ts";
import { answerIn, type RpcAnswer } from "./mcp-messages.ts";

/** Revisions that begin with a handshake, newest first; what comes after them has none. */
const WITH_HANDSHAKE = ["2025-11-25", "2025-06-18", "2025-03-26"];
const WITHOUT_HANDSHAKE = "2026-07-28";
const CLIENT = { name: "weftwork", version: "0.1.0" };

const METHOD_NOT_FOUND = -32_601;
const VERSION_NOT_SUPPORTED = -32_022;

export interface McpSessionOptions {
  /** Name of the tool set, for errors. */
  readonly name: string;
  readonly url: string;
  readonly requester: Requester;
  readonly task: NodeTask;
}

/**
 * A conversation with one MCP server over streamable HTTP. Servers of both kinds are spoken to: those that want a
 * handshake, tried first since most do, and those that want every request to stand for itself. Only answers to own
 * requests are read: a server can ask nothing of this client, and none is ever started as a program.
 */
export class McpSession {
  private readonly options: McpSessionOptions;
  private version = WITH_HANDSHAKE[0]!;
  private sessionId: string | null = null;
  private requests = 0;

  private constructor(options: McpSessionOptions) {
    this.options = options;
  }

  /** Throws `TOOL_FAILED` and the failures of requests. */
  static async open(options: McpSessionOptions): Promise<McpSession> {
    const session = new McpSession(options);
    await session.begin({ key: `${options.task.key}/${options.name}`, signal: options.task.signal });
    return session;
  }

  /** Throws `TOOL_FAILED` for an error of the protocol. */
  async request(method: string, params: JsonObject, context: ToolCallContext): Promise<JsonObject> {
    const { answer, status } = await this.ask(method, params, context);
    if (answer?.type === "result") {
      if (answer.result["resultType"] === "input_required")
        throw this.failed("it asks for input, which nobody can give here");
      return answer.result;
    }
    throw this.failed(answer ? `${answer.message} (${answer.code})` : `it answered ${method} with status ${status}`);
  }

  /** Tells the server that the session is over. It may not care, and its time is not waited for long. */
  async close(): Promise<void> {
    const { requester, url, name, task } = this.options;
    if (this.sessionId === null) return;
    const headers = { ...this.headers("", {}), accept: "*/*" };
    const request = { method: "DELETE", url, headers, response: "text" as const, raise_for_status: false };
    const context = { key: `${task.key}/${name}/close`, signal: AbortSignal.timeout(2000) };
    // A server forgets its sessions anyhow; one that does not take this answers 405.
    await requester.send(name, request, task, context).catch(() => undefined);
  }

  private async begin(context: ToolCallContext): Promise<void> {
    const params = { protocolVersion: this.version, capabilities: {}, clientInfo: CLIENT };
    const { answer, status, headers } = await this.ask("initialize", params, context);
    if (answer?.type === "result") {
      const version = String(answer.result["protocolVersion"]);
      if (!WITH_HANDSHAKE.includes(version)) throw this.failed(`it speaks revision ${version.slice(0, 40)} only`);
      this.version = version;
      const sessionId = headers["mcp-session-id"];
      if (typeof sessionId === "string" && /^[\x21-\x7e]{1,1000}$/.test(sessionId)) this.sessionId = sessionId;
      await this.send(
        { jsonrpc: "2.0", method: "notifications/initialized" },
        "notifications/initialized",
        {},
        context,
      );
      return;
    }
    const wantsNone = answer?.type === "error" && [METHOD_NOT_FOUND, VERSION_NOT_SUPPORTED].includes(answer.code);
    if (!wantsNone && status !== 400 && status !== 404) {
      throw this.failed(answer ? `${answer.message} (${answer.code})` : `it answered initialize with status ${status}`);
    }
    this.version = WITHOUT_HANDSHAKE;
  }

  private async ask(
    method: string,
    params: JsonObject,
    context: ToolCallContext,
  ): Promise<{ readonly answer: RpcAnswer | null; readonly status: number; readonly headers: JsonObject }> {
    const id = ++this.requests;
    const given = this.version === WITHOUT_HANDSHAKE ? { ...params, _meta: META } : params;
    const { status, headers, body } = await this.send(
      { jsonrpc: "2.0", id, method, params: given },
      method,
      params,
      context,
    );
    const text = typeof body === "string" ? body : encodeJson(body);
    return { answer: answerIn(text, String(headers["content-type"] ?? ""), id), status, headers };
  }

  private async send(
    message: JsonObject,
    method: string,
    params: JsonObject,
    { key, signal }: ToolCallContext,
  ): Promise<ToolAnswer> {
    const { requester, url, name, task } = this.options;
    return requester.send(
      name,
      {
        method: "POST",
        url,
        headers: this.headers(method, params),
        body: message,
        response: "text",
        raise_for_status: false,
      },
      task,
      { key: `${key}/${method}`, signal },
    );
  }

  private headers(method: string, params: JsonObject): JsonObject {
    const shared = { accept: "application/json, text/event-stream", "content-type": "application/json" };
    if (method === "initialize") return shared;
    const versioned = { ...shared, "mcp-protocol-version": this.version };
    if (this.sessionId !== null) return { ...versioned, "mcp-session-id": this.sessionId };
    if (this.version !== WITHOUT_HANDSHAKE) return versioned;
    const tool = params["name"];
    return {
      ...versioned,
      "mcp-method": method,
      ...(typeof tool === "string" ? { "mcp-name": headerText(tool) } : {}),
    };
  }

  private failed(reason: string): AppError {
    return new AppError("TOOL_FAILED", { tool: this.options.name, reason });
  }
}

const META = {
  "io.modelcontextprotocol/protocolVersion": WITHOUT_HANDSHAKE,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": CLIENT,
};

/** What no header can hold goes as base64, as the protocol says. */
function headerText(text: string): string {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text)
    ? text
    : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}
