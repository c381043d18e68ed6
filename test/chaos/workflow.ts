/** Steps of a run in the tests with real processes. */
export const STEPS = 20;

/** Steps with an effect, one after the other. */
export function workflowSource(steps: number): string {
  return JSON.stringify({
    name: "chain",
    steps: Array.from({ length: steps }, (_, at) => ({
      id: `s${at}`,
      type: "post",
      n: at === 0 ? "{{ inputs.n }}" : `{{ steps.s${at - 1}.output.n + 1 }}`,
    })),
  });
}
