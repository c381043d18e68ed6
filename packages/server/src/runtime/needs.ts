import { AppError, type JsonObject, type Plan } from "@weftwork/core";
import type { NodeExecutor, NodeRegistry } from "../nodes/node.ts";
import type { PreparedPlan } from "./workflows.ts";

interface Needy {
  readonly step: string;
  readonly executor: NodeExecutor;
  readonly config: JsonObject;
}

/** What steps must find on this machine before a run may begin: an image, a program. */
export class Needs {
  private readonly registry: NodeRegistry;
  /** Steps with needs, by plan; most have none, and then asking costs a look-up. */
  private readonly needy = new WeakMap<Plan, readonly Needy[]>();

  constructor(registry: NodeRegistry) {
    this.registry = registry;
  }

  /** Throws `NODE_NOT_AVAILABLE` with the first need that is not met, nested workflows included. */
  check({ plan, nested }: PreparedPlan): void {
    this.checkPlan(plan);
    for (const one of nested.values()) this.checkPlan(one);
  }

  private checkPlan(plan: Plan): void {
    let steps = this.needy.get(plan);
    if (!steps) this.needy.set(plan, (steps = this.needyOf(plan)));
    for (const { step, executor, config } of steps) {
      const reason = executor.needs?.(config) ?? null;
      if (reason !== null) throw new AppError("NODE_NOT_AVAILABLE", { type: executor.type, step, reason });
    }
  }

  private needyOf(plan: Plan): readonly Needy[] {
    const steps: Needy[] = [];
    for (const { nodes } of plan.bodies) {
      for (const { kind, type, id, step } of nodes) {
        if (kind !== "work" || step.kind !== "work" || !this.registry.has(type)) continue;
        const executor = this.registry.get(type);
        if (executor.needs) steps.push({ step: id, executor, config: step.config });
      }
    }
    return steps;
  }
}
