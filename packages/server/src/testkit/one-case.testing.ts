import type { CaseSource } from "./case.ts";
import { testWorkflow, type CaseResult, type TestWorkflowOptions } from "./run-cases.ts";

/** The result of one case of a workflow of these steps, in YAML. */
export async function one(
  steps: string,
  testCase: Omit<CaseSource, "name">,
  options: Partial<TestWorkflowOptions> = {},
): Promise<CaseResult> {
  const { cases } = await testWorkflow(`name: w\nsteps:\n${steps}`, {
    cases: [{ name: "one", ...testCase }],
    ...options,
  });
  return cases[0]!;
}
