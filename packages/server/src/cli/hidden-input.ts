import { text } from "node:stream/consumers";
import { CommandError } from "./exit.ts";
import { say } from "./language.ts";

// oxlint-disable-next-line no-control-regex -- what terminals send for the end of input
const END = /[\r\n\u0004]/;
const INTERRUPT = "\u0003";
// oxlint-disable-next-line no-control-regex -- what terminals send to rub out, and other keys that are no text
const RUB_OUT = /[\u007f\u0008]/;

/** All of standard input; where that is a terminal, one line of it, which is not shown while it is typed. */
export async function hiddenInput(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return text(stdin);
  stderr.write(question);
  stdin.setRawMode(true).setEncoding("utf8").resume();
  try {
    return await typed(stdin);
  } finally {
    stdin.setRawMode(false).pause();
    stderr.write("\n");
  }
}

async function typed(keys: AsyncIterable<string>): Promise<string> {
  let line = "";
  for await (const piece of keys) {
    for (const key of piece) {
      if (END.test(key)) return line;
      if (key === INTERRUPT) throw new CommandError(say("secrets.interrupted"));
      line = RUB_OUT.test(key) ? [...line].slice(0, -1).join("") : line + key;
    }
  }
  return line;
}
