import { AppError } from "@weftwork/core";
import type { Usage } from "./node.ts";

export interface AgentLimits {
  readonly rounds: number;
  readonly tokens: number;
}

/** What an agent may use, and what it has used. */
export class AgentBudget {
  private readonly limits: AgentLimits;
  private rounds = 0;
  private input = 0;
  private output = 0;
  private total = 0;

  constructor(limits: AgentLimits) {
    this.limits = limits;
  }

  get usage(): Usage {
    return { input_tokens: this.input, output_tokens: this.output, total_tokens: this.total };
  }

  /** Whether the round that has begun is the last one: the model has to answer now. */
  get isLast(): boolean {
    return this.rounds >= this.limits.rounds;
  }

  /** Begins a round. Throws `AGENT_LIMIT` when no more may be. */
  begin(): number {
    const { rounds, tokens } = this.limits;
    if (this.isLast) throw this.spent(this.rounds, "rounds", rounds, "max_iterations");
    if (this.total >= tokens) throw this.spent(this.total, "tokens", tokens, "max_tokens");
    return ++this.rounds;
  }

  add(usage: Usage): void {
    this.input += usage.input_tokens;
    this.output += usage.output_tokens;
    this.total += usage.total_tokens;
  }

  private spent(used: number, what: string, limit: number, setting: string): AppError {
    return new AppError("AGENT_LIMIT", { used, what, limit, setting, usage: { ...this.usage } });
  }
}
