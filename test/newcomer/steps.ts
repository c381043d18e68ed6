/** What the newcomer's path is written with: steps that have a name, and commands that are checked. */
import { spawnSync } from "node:child_process";
import { strict as assert } from "node:assert";
import { Weft, type Ended } from "../cli/weft.ts";

let count = 0;

/** Does one step and says so. A step that fails ends the path, with what it found. */
export async function step<T>(name: string, body: () => Promise<T> | T): Promise<T> {
  const startedAt = performance.now();
  const number = String(++count).padStart(2);
  try {
    const value = await body();
    process.stdout.write(`ok   ${number}  ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
    return value;
  } catch (error) {
    process.stdout.write(`FAIL ${number}  ${name}\n`);
    throw error;
  }
}

/** Somebody at a terminal, in a folder of their own, with a server to talk to. */
export class Newcomer {
  readonly folder: string;
  private readonly env: Record<string, string>;

  constructor(folder: string, env: Record<string, string>) {
    this.folder = folder;
    this.env = { LANG: "C.UTF-8", ...env };
  }

  /** `weft …`; it must end with this code. */
  async weft(code: number, ...args: readonly string[]): Promise<Ended> {
    const ended = await new Weft(args, { cwd: this.folder, env: this.env }).ended();
    assert.equal(ended.code, code, `weft ${args.join(" ")} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
    return ended;
  }

  /**
   * The same where the command believes that it draws on a terminal (by `script` of util-linux), without a code to be
   * expected. Null where this machine has no such tool.
   */
  async terminal(...args: readonly string[]): Promise<string | null> {
    if (spawnSync("script", ["--version"]).status !== 0) return null;
    const command = [process.execPath, Weft.bin, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const shown = await new Weft(["-qec", command, "/dev/null"], {
      command: "script",
      cwd: this.folder,
      env: { ...this.env, TERM: "xterm-256color", NO_COLOR: "" },
    }).ended();
    return shown.stdout;
  }
}

/** That a text holds all of these; says which is missing, and what was there. */
export function holds(text: string, ...wanted: readonly (string | RegExp)[]): void {
  for (const one of wanted) {
    const isThere = typeof one === "string" ? text.includes(one) : one.test(text);
    assert.ok(isThere, `${String(one)} is not in:\n${text}`);
  }
}
