import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, parseJson } from "@weftwork/core";

/** Where the server of a data folder listens; beside the lock, and true only while the same process holds that. */
const FILE = "server.json";

export function tellAddress(folder: string, url: string): void {
  writeFileSync(join(folder, FILE), `${JSON.stringify({ pid: process.pid, url })}\n`);
}

export function forgetAddress(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** The address that the process with this number told; null where it told none. */
export function servedAt(folder: string, pid: string): string | null {
  try {
    const told = parseJson(readFileSync(join(folder, FILE), "utf8"));
    if (!isJsonObject(told) || String(told["pid"]) !== pid) return null;
    return typeof told["url"] === "string" ? told["url"] : null;
  } catch {
    // No file, or half of one: nobody has told where it listens.
    return null;
  }
}
