import type { Plan } from "../plan/plan.ts";
import { ResponseOrder, type ResponseChunk } from "./dify-response.ts";
import type { Decision } from "./event.ts";
import { evolve, keepUndecided } from "./evolve.ts";
import { initialState, type RunState } from "./state.ts";

/**
 * What a run of an imported workflow says, followed row by row on a state of its own: the order of the text depends on
 * how the run stood at each event, and the state of whoever decides is at the end of the row by then.
 */
export class ResponseFollower {
  readonly state: RunState;
  private readonly order = new ResponseOrder();

  constructor(plan: Plan, nested: ReadonlyMap<string, Plan>) {
    this.state = initialState(plan, nested);
  }

  /** What the next row lets out. Values that answers refer to must be loaded. */
  row(decisions: readonly Decision[]): readonly ResponseChunk[] {
    const { state } = this;
    const chunks: ResponseChunk[] = [];
    for (const { at, events } of decisions) {
      if (events.length > 0) state.at = at;
      for (const event of events) {
        evolve(state, event);
        chunks.push(...this.order.take(state, event));
      }
    }
    state.seq += 1;
    state.fresh.length = 0;
    state.withdrawn.length = 0;
    keepUndecided(state);
    return chunks;
  }

  /** Text that a step streams while it runs. */
  delta(scope: string, node: string, text: string): readonly ResponseChunk[] {
    return this.order.delta(this.state, scope, node, text);
  }

  /** What an attempt streamed will not become the result of its step. */
  forget(scope: string, node: string): readonly ResponseChunk[] {
    return this.order.forget({ scope, node });
  }
}
