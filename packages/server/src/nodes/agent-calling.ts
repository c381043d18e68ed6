import type { ContentPart, Message, ModelRequest } from "../gateway/model.ts";
import {
  ask,
  isUnreadable,
  RESULTS_ARE_DATA,
  seedOf,
  told,
  type AgentSession,
  type StrategyAnswer,
} from "./agent-session.ts";
import type { Answer } from "./model/ask.ts";

const ANSWER_NOW = "No further tools can be used. Answer now with what you have.";

/**
 * Tools by the model's own protocol. The model gets the results of a round together, and the last round that it may use
 * has no tools any more, so it answers with what it has.
 */
export async function functionCalling(session: AgentSession): Promise<StrategyAnswer> {
  const { budget, caller, rounds, task, tools } = session;
  const system = [session.instruction, tools.length > 0 ? RESULTS_ARE_DATA : ""].filter(Boolean).join("\n\n");
  const messages = [...session.messages];
  for (;;) {
    const round = budget.begin();
    const isLast = budget.isLast && round > 1;
    const now: readonly Message[] = isLast ? [{ role: "user", content: ANSWER_NOW }] : [];
    const request = requestOf(session, system, [...messages, ...now], isLast);
    let answer: Answer;
    try {
      answer = await ask(session, request);
    } catch (error) {
      // Calls that cannot be read: the model is told, as it is told of arguments that do not fit.
      if (!isUnreadable(error) || budget.isLast) throw error;
      task.emit({ type: "log", level: "warn", message: `round ${round}: ${error.message}` });
      rounds.push({ round, text: "", calls: [] });
      messages.push({ role: "user", content: `Your last answer could not be read: ${error.message} Try again.` });
      continue;
    }
    const { text, toolCalls } = answer;
    if (toolCalls.length === 0) {
      rounds.push({ round, text, calls: [] });
      return { text, messages };
    }
    // Also a model that calls tools where none are offered ends here.
    if (budget.isLast) budget.begin();
    const calls = await caller.all(toolCalls);
    rounds.push({ round, text, calls });
    const said: ContentPart[] = text === "" ? [] : [{ type: "text", text }];
    const asked = toolCalls.map((call): ContentPart => ({ type: "tool_call", ...call }));
    const results = calls.map((call, i): ContentPart => ({
      type: "tool_result",
      id: toolCalls[i]!.id,
      output: told(call),
    }));
    messages.push({ role: "assistant", content: [...said, ...asked] }, { role: "tool", content: results });
  }
}

function requestOf(session: AgentSession, system: string, messages: readonly Message[], isLast: boolean): ModelRequest {
  const { params, task, tools } = session;
  const offered = tools.map(({ name, description, parameters }) => ({ name, description, parameters }));
  // Named to the end: servers refuse a conversation with calls of tools that they are not told of.
  const choice = isLast ? { tool_choice: "none" } : {};
  return {
    messages,
    seed: seedOf(params, task),
    ...(system === "" ? {} : { system }),
    ...(offered.length > 0 ? { tools: offered, params: { ...params, ...choice } } : { params }),
  };
}
