import { readFileSync } from "node:fs";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";

/** A file as text. Says what is wrong with it in a sentence. */
export function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new UsageError(say("file.none", { path }));
    if (code === "EISDIR") throw new UsageError(say("file.folder", { path }));
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") throw new UsageError(say("file.no_text", { path }));
    throw new UsageError(say("file.unreadable", { path, reason: (error as Error).message }));
  }
}

/** The same for what an input names: `-` is standard input. */
export function readInputText(path: string): string {
  if (path !== "-") return readText(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(0));
  } catch (error) {
    throw new UsageError(say("input.stdin", { reason: (error as Error).message }));
  }
}
