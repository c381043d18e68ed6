import { digest } from "../engine/run.testing.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import type { Problem } from "../workflow/workflow.ts";
import { compile, type Compiled } from "./compile.ts";
import type { Plan } from "./plan.ts";

/** What becomes of a text that can be read. */
export function compiled(text: string): Compiled {
  const { workflow, problems, locate, pointer } = parseWorkflow(text);
  if (workflow === null) throw new Error(JSON.stringify(problems));
  return compile(workflow, { version: "1.0.0", hash: "h", digest, locate, pointer });
}

export function planOf(text: string): Plan {
  const result = compiled(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

/** `line:column code` of each problem. */
export function brief(problems: readonly Problem[]): string[] {
  return problems.map(({ code, place }) => `${place.line}:${place.column} ${code}`);
}

/** `from → to`, with the handle it leaves by, and in brackets when it only orders. */
export function edges(plan: Plan, body = 0): string[] {
  const { nodes } = plan.bodies[body]!;
  return nodes.flatMap((node) =>
    node.outgoing.map(({ to, handle, orderOnly }) => {
      const text = `${node.id}${handle === null ? "" : `.${handle}`} → ${nodes[to]!.id}`;
      return orderOnly ? `(${text})` : text;
    }),
  );
}
