/** Effects of a run before and behind the signal that it waits for. */
const BEFORE = 3;
const BEHIND = 16;
/** Calls that a run makes in all. */
export const CALLS = 1 + BEFORE + BEHIND + 1;

/**
 * A run with all that versions have to hand each other: effects, items, a value too long for the record itself, a signal
 * and a timer. The items are of a pool of their own. The address is that of the world outside.
 */
export function workflowSource(url: string): string {
  const post = (id: string, read: string): object => ({
    id,
    type: "http",
    method: "POST",
    url,
    body: read === "" ? { n: 0, read: 0 } : { n: 1, read: `{{ steps.${read}.output.body.call }}` },
  });
  const each = (id: string, count: number, concurrency: number, behind: string): object => ({
    id,
    type: "for_each",
    items: Array.from({ length: count }, (_, at) => at),
    concurrency,
    depends_on: behind,
    steps: [{ ...post("item", "first"), pool: "generation" }],
  });
  return JSON.stringify({
    name: "upgrade",
    inputs: { text: "string" },
    steps: [
      post("first", ""),
      { id: "text", type: "template", template: "{{ inputs.text }}{{ steps.first.output.body.call }}" },
      each("before", BEFORE, 2, "text"),
      { id: "door", type: "wait", signal: "go", depends_on: "before" },
      each("behind", BEHIND, 1, "door"),
      { id: "pause", type: "wait", for: "1s", depends_on: "behind" },
      { ...post("last", "first"), depends_on: "pause" },
      { id: "end", type: "template", template: "{{ steps.text.output }}", depends_on: "last" },
    ],
  });
}
