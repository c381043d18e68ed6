import { AppError } from "@weftwork/core";
import type { Files } from "../../files/files.ts";
import type { ContentPart, MediaKind, Message, Model } from "../../gateway/model.ts";
import type { NodeTask } from "../node.ts";
import { kindOfPart, mediaKind, type DraftMessage, type DraftPart, type StoredPart } from "./content.ts";

/** Bytes of one file, and of all files of a request together. As text in the request they take a third more. */
export const MODEL_FILE_BYTES_MAX = 20 * 1024 * 1024;
export const MODEL_FILES_BYTES_MAX = 50 * 1024 * 1024;

/** What becomes of a file that the model does not read. */
export type Unsupported = "fail" | "drop";

export interface Reading {
  readonly model: Model;
  readonly task: Pick<NodeTask, "tenant" | "emit" | "signal">;
  readonly files: Files | null;
  readonly unsupported: Unsupported;
}

/**
 * Messages with the bytes of their files, as `data:` addresses. Files of kinds that the model does not read fail the
 * step, or are left out and that is told to those who watch; a message that has nothing left is left out too. Throws
 * `FILE_NOT_FOUND`, `MODEL_REQUEST_INVALID` and, before the bytes are read, `MODEL_INPUT_TOO_LONG`.
 */
export async function readMedia(drafts: readonly DraftMessage[], reading: Reading): Promise<readonly Message[]> {
  const loader = new Loader(reading);
  const messages: Message[] = [];
  for (const { role, content } of drafts) {
    if (typeof content === "string") {
      messages.push({ role, content });
      continue;
    }
    const parts: ContentPart[] = [];
    for (const part of content) {
      const loaded = await loader.load(part);
      if (loaded) parts.push(loaded);
    }
    if (parts.length > 0 || content.length === 0) messages.push({ role, content: parts });
  }
  return messages;
}

/** Messages as they are before any file is read, for those who look on: files of the store have their ids there. */
export function withoutBytes(drafts: readonly DraftMessage[]): readonly Message[] {
  const shown = (part: DraftPart): ContentPart =>
    part.type === "stored" ? { type: "file", url: part.id, mediaType: "application/octet-stream" } : part;
  return drafts.map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : content.map(shown),
  }));
}

class Loader {
  private size = 0;
  private readonly reading: Reading;

  constructor(reading: Reading) {
    this.reading = reading;
  }

  async load(part: DraftPart): Promise<ContentPart | null> {
    if (part.type === "stored") return this.stored(part);
    const kind = kindOfPart(part);
    return kind === null || this.takes(kind, "") ? part : null;
  }

  private async stored({ id, detail }: StoredPart): Promise<ContentPart | null> {
    const { files, task } = this.reading;
    if (!files) throw new AppError("FILE_NOT_FOUND", { file: id });
    const { value, bytes } = await files.open(task.tenant, id);
    const kind = mediaKind(value.mime_type);
    if (!this.takes(kind, ` ${value.name}`)) return null;
    this.size += value.size;
    if (value.size > MODEL_FILE_BYTES_MAX) throw this.tooLong(`the file ${value.name}`, MODEL_FILE_BYTES_MAX);
    if (this.size > MODEL_FILES_BYTES_MAX) throw this.tooLong("all its files together", MODEL_FILES_BYTES_MAX);
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) {
      task.signal.throwIfAborted();
      chunks.push(chunk);
    }
    const url = `data:${value.mime_type};base64,${Buffer.concat(chunks).toString("base64")}`;
    if (kind === "image") return { type: "image", url, ...(detail === undefined ? {} : { detail }) };
    return { type: "file", url, mediaType: value.mime_type, name: value.name };
  }

  private takes(kind: MediaKind, name: string): boolean {
    const { model, task, unsupported } = this.reading;
    if (!model.abilities || model.abilities.media.includes(kind)) return true;
    if (unsupported === "drop") {
      task.emit({ type: "log", level: "warn", message: `${model.id} reads no ${kind}; the file${name} was left out` });
      return false;
    }
    const reason = `it reads no ${kind}, and the step gives it the file${name}. Use another model, or set vision.unsupported to drop.`;
    throw new AppError("MODEL_REQUEST_INVALID", { model: model.id, reason });
  }

  private tooLong(what: string, limit: number): AppError {
    const reason = `${what} must not have more than ${limit} bytes.`;
    return new AppError("MODEL_INPUT_TOO_LONG", { model: this.reading.model.id, reason });
  }
}
