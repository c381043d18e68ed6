import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConversationMessage, RunMessage } from "@weftwork/sdk";
import {
  startModelServer,
  type ModelServer,
  type ModelScript,
} from "../../packages/server/src/testkit/model-server.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";

export function app(name: string): string {
  return readFileSync(join(import.meta.dirname, "apps", `${name}.yml`), "utf8");
}

/** An open Weftwork whose model `scripted` is a scripted server on loopback. */
export interface ChatBench {
  readonly weft: Weft;
  readonly models: ModelServer;
  /** Begins a conversation with an app of this folder. */
  begin(name: string): Promise<string>;
  /** Says something and waits until it is answered. */
  say(conversation: string, query: string): Promise<ConversationMessage>;
  close(): Promise<void>;
}

export async function chatBench(script: ModelScript, store = "memory"): Promise<ChatBench> {
  const models = await startModelServer({ script });
  const weft = await openWeft({ store, models: modelsOf(models) });
  return {
    weft,
    models,
    async begin(name) {
      const { name: workflow } = await weft.workflows.publish(app(name));
      return (await weft.conversations.create({ workflow })).id;
    },
    async say(conversation, query) {
      const { id, run_id: run } = await weft.conversations.send(conversation, { query });
      await weft.runs.wait(run);
      return (await weft.conversations.message(conversation, id))!;
    },
    async close() {
      await weft.close({ graceMs: 0 });
      await models.close();
    },
  };
}

export function modelsOf({ url }: ModelServer): { readonly scripted: { readonly [field: string]: string } } {
  return { scripted: { provider: "openai_compatible", endpoint: `${url}/v1`, model: "scripted", api_key: "sk-test" } };
}

/** The messages of a stream as the answer they make: the pieces in the order in which they came. */
export class Answer {
  text = "";
  readonly pieces: string[] = [];

  take({ event, data }: RunMessage): void {
    if (event !== "answer_delta") return;
    const offset = Number(data["offset"]);
    if (offset < this.text.length) this.pieces.push(`-${this.text.length - offset}`);
    const text = String(data["text"]);
    this.text = this.text.slice(0, offset) + text;
    if (text !== "") this.pieces.push(text);
  }
}
