import { Agent } from "undici";
import { z } from "zod";
import type { Files } from "../files/files.ts";
import { defineNode } from "./define-node.ts";
import { inDialects } from "./dify/dialect.ts";
import { difyHttp } from "./dify/http.ts";
import { failedAnswer, readAnswer, type AnswerContext } from "./http-answer.ts";
import { fieldsRefused, httpFields } from "./http-fields.ts";
import { follow } from "./http-follow.ts";
import { httpGuard, type HttpGuard, type HttpGuardOptions } from "./http-guard.ts";
import { firstRequest } from "./http-request.ts";
import { allPages } from "./http-paginate.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";

export interface HttpOptions extends HttpGuardOptions {
  /** Where files come from and large answers go. Left out: there are none, and large answers fail. */
  readonly files?: Files;
  /** Bytes of a request that are held in memory; files are not. */
  readonly requestBytesMax?: number;
  /** Bytes of an answer that is held in memory, before and after decompression. */
  readonly responseBytesMax?: number;
  /** Bytes of an answer that goes to the file store. */
  readonly fileBytesMax?: number;
}

/** An idle connection is kept as long as its server keeps it, and no longer than this. */
const KEEP_ALIVE_MS = 300_000;

/**
 * `http {method url headers query body|form|multipart|file auth response …}` → `{status, headers, body}`. Statuses from
 * 400 fail the step unless it takes them. Large and binary bodies are files, and are never whole in memory.
 *
 * No time is counted here besides the one for connecting: the step's timeout fires the signal, and the signal closes
 * the connection. Errors name the origin only; paths and queries may hold secrets.
 */
export function httpNode(options: HttpOptions = {}): NodeExecutor {
  const { files = null, requestBytesMax = 16_000_000, responseBytesMax = 10_000_000 } = options;
  const fileBytesMax = options.fileBytesMax ?? 100 * 1024 ** 2;
  const guard = httpGuard(options);
  const agent = agentOf(guard);
  let trusting: Agent | null = null;
  const limits = { requestBytesMax, responseBytesMax, fileBytesMax };
  const contextOf = ({ tenant, secrets, signal }: NodeTask): AnswerContext => ({
    agent,
    guard,
    secrets,
    files,
    tenant,
    signal,
    ...limits,
  });
  const imported = defineNode({
    type: "http",
    config: z.unknown(),
    execute(_, task) {
      const context = contextOf(task);
      // A file may say that certificates are not to be looked at; addresses always are.
      if (task.config["ssl_verify"] === false) trusting ??= agentOf(httpGuard({ ...options, anyCertificate: true }));
      return difyHttp(task, task.config["ssl_verify"] === false ? { ...context, agent: trusting! } : context);
    },
  });
  const native = defineNode({
    type: "http",
    version: 2,
    effect: "effect",
    timeoutMs: 60_000,
    config: httpFields,
    async execute(fields, task) {
      const context = contextOf(task);
      if (fields.response === "file" && files === null) throw fieldsRefused("response: file needs a file store");
      const first = firstRequest(fields, task.key);
      const { paginate } = fields;
      if (paginate) return allPages(first, { ...fields, paginate }, context);
      const answered = await follow(first, context);
      const failed = await failedAnswer(answered, fields, context);
      if (failed) return failed;
      const { size: _, ...answer } = await readAnswer(answered, fields.response ?? "auto", context);
      return answer;
    },
    close: async () => void (await Promise.all([agent.destroy(), trusting?.destroy()])),
  });
  return inDialects(native, imported);
}

function agentOf({ connect }: HttpGuard): Agent {
  return new Agent({
    connect,
    // Times are those of the step, and sizes are counted where bodies are read.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
}
