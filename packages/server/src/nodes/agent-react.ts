import { parseJson, withoutFence, type Json } from "@weftwork/core";
import type { Message, ModelRequest } from "../gateway/model.ts";
import type { OfferedTool } from "../tools/tool.ts";
import { ask, RESULTS_ARE_DATA, seedOf, told, type AgentSession, type StrategyAnswer } from "./agent-session.ts";
import type { TaskPart } from "./node.ts";

const FINAL = "Final Answer:";
const OBSERVATION = "Observation:";
const LAST: Message = {
  role: "user",
  content: `No further actions are possible. Write "${FINAL}" and your answer now.`,
};

/**
 * Tools by a protocol of plain text, for models that have none of their own: thought, action, observation, and at last
 * a final answer (after Yao et al., "ReAct", 2022). One call a round.
 */
export async function react(session: AgentSession): Promise<StrategyAnswer> {
  const { budget, caller, params, rounds, task } = session;
  const system = [session.instruction, protocol(session.tools)].filter((text) => text !== "").join("\n\n");
  const stop = params["stop"] ?? [`\n${OBSERVATION}`];
  const messages = [...session.messages];
  for (;;) {
    const round = budget.begin();
    const isLast = budget.isLast && round > 1;
    const asked = isLast ? [...messages, LAST] : [...messages];
    const request: ModelRequest = { messages: asked, system, params: { ...params, stop }, seed: seedOf(params, task) };
    const shown = new FinalAnswerStream((part) => task.emit(part));
    const { text: whole } = await ask(session, request, (part) => shown.part(part));
    // Where the model knows no stop words it goes on and makes up the observation.
    const text = whole.split(`\n${OBSERVATION}`)[0]!;
    const said = readReact(text);
    if (said.type === "final") {
      shown.end(said.text);
      rounds.push({ round, text, calls: [] });
      return { text: said.text, messages };
    }
    if (budget.isLast) budget.begin();
    const calls = said.type === "action" ? await caller.all([{ id: `call_${round}`, ...said.call }]) : [];
    const observed = said.type === "action" ? told(calls[0]!) : `Error: ${said.reason}`;
    rounds.push({ round, text, calls });
    messages.push({ role: "assistant", content: text }, { role: "user", content: `${OBSERVATION} ${observed}` });
  }
}

export type ReactAnswer =
  | { readonly type: "final"; readonly text: string }
  | { readonly type: "action"; readonly call: { readonly name: string; readonly arguments: Json } }
  | { readonly type: "unreadable"; readonly reason: string };

/**
 * What a model has said in the protocol. The first action counts unless a final answer stands before it; a text with
 * neither is the answer, for that is how models mean it.
 */
export function readReact(text: string): ReactAnswer {
  const action = /^[ \t]*Action[ \t]*:(.*)$/m.exec(text);
  const final = finalAt(text);
  if (action === null || (final !== -1 && final < action.index)) {
    const answer = final === -1 ? text.replace(/^\s*Thought:\s*/, "") : text.slice(text.indexOf(":", final) + 1);
    return { type: "final", text: answer.trim() };
  }
  const name = action[1]!.trim().replaceAll(/^[`"'[]+|[`"'\]]+$/g, "");
  const rest = text.slice(action.index + action[0].length);
  const input = /^[ \t]*Action Input[ \t]*:/m.exec(rest);
  const given = input === null ? "" : rest.slice(input.index + input[0].length).trim();
  if (given === "") return { type: "action", call: { name, arguments: {} } };
  try {
    return { type: "action", call: { name, arguments: parseJson(withoutFence(given)) } };
  } catch {
    return { type: "unreadable", reason: "Action Input is not one JSON object. Write it again." };
  }
}

function finalAt(text: string): number {
  return /^[ \t]*Final Answer[ \t]*:/m.exec(text)?.index ?? -1;
}

/** Lets through what follows the mark of the final answer, as it comes; thoughts and actions are not shown. */
class FinalAnswerStream {
  private readonly emit: (part: TaskPart) => void;
  private held = "";
  private isOpen = false;
  private isActing = false;
  private hasShown = false;

  constructor(emit: (part: TaskPart) => void) {
    this.emit = emit;
  }

  part(part: TaskPart): void {
    if (part.type !== "text_delta") this.emit(part);
    else if (this.isOpen) this.show(part.text);
    else if (!this.isActing) this.look(part.text);
  }

  /** The answer is known: what has not been shown of it is. */
  end(answer: string): void {
    if (!this.hasShown && answer !== "") this.emit({ type: "text_delta", text: answer });
  }

  private look(piece: string): void {
    this.held += piece;
    this.isActing = /^[ \t]*Action[ \t]*:/m.test(this.held);
    const at = finalAt(this.held);
    if (this.isActing || at === -1) return;
    this.isOpen = true;
    this.show(this.held.slice(this.held.indexOf(":", at) + 1));
  }

  private show(piece: string): void {
    const text = this.hasShown ? piece : piece.trimStart();
    if (text === "") return;
    this.hasShown = true;
    this.emit({ type: "text_delta", text });
  }
}

function protocol(tools: readonly OfferedTool[]): string {
  const lines = tools.map(
    ({ name, description, parameters }) =>
      `- ${name}: ${description}\n  Arguments, as JSON Schema: ${JSON.stringify(parameters)}`,
  );
  return [
    tools.length === 0 ? "You have no tools." : `You can use these tools:\n${lines.join("\n")}`,
    `To use one, write these three lines and stop:
Thought: why you need it
Action: its name
Action Input: its arguments as one JSON object
You then get a line "${OBSERVATION}" with what it returned. ${RESULTS_ARE_DATA}
When you know the answer, write "${FINAL}" and the answer.`,
  ].join("\n\n");
}
