import { AT_ONCE } from "./effects.ts";

/** Steps of a run of the chain. */
export const CHAIN_STEPS = 20;

/** The workflows of the load, by name. Their steps with an effect are felt at the address. */
export function workflowSources(address: string): Readonly<Record<string, string>> {
  return {
    chain: chain(address),
    gate: gate(address),
    lane: lane(address),
    pair: pair(address),
    sleeper: sleeper(address),
    turn: turn(address),
  };
}

/** One effect after the other; each says which answer it has read. */
function chain(url: string): string {
  const steps = Array.from({ length: CHAIN_STEPS }, (_, at) => post(`s${at}`, url, at === 0 ? null : `s${at - 1}`));
  return JSON.stringify({ name: "chain", steps });
}

/** An effect, a signal from outside, a timer, and an effect. */
function gate(url: string): string {
  return JSON.stringify({
    name: "gate",
    steps: [
      post("s0", url, null),
      { id: "door", type: "wait", signal: "go", depends_on: "s0" },
      { id: "pause", type: "wait", for: "2s", depends_on: "door" },
      { ...post("s1", url, "s0"), depends_on: "pause" },
    ],
  });
}

/** Few may be under way together. */
function lane(url: string): string {
  return JSON.stringify({
    name: "lane",
    concurrency: { limit: LANE_LIMIT },
    steps: [post("s0", url, null), post("s1", url, "s0")],
  });
}

/** Runs of `lane` that may be under way at the same time. */
export const LANE_LIMIT = 2;

/** Two effects. */
function pair(url: string): string {
  return JSON.stringify({ name: "pair", steps: [post("s0", url, null), post("s1", url, "s0")] });
}

/** A timer long enough for the run to leave the memory of its owner, and an effect. */
function sleeper(url: string): string {
  return JSON.stringify({
    name: "sleeper",
    inputs: { for: "string" },
    steps: [
      { id: "pause", type: "wait", for: "{{ inputs.for }}" },
      { ...post("s0", url, null), depends_on: "pause" },
    ],
  });
}

/** Runs of one key one after the other; their effects are answered at once. */
function turn(url: string): string {
  return JSON.stringify({
    name: "turn",
    inputs: { key: "string" },
    concurrency: { key: "{{ inputs.key }}", limit: 1 },
    steps: [post("s0", `${url}${AT_ONCE}`, null), post("s1", `${url}${AT_ONCE}`, "s0")],
  });
}

/** A step with an effect; it says which answer it has read. */
export function post(id: string, url: string, before: string | null): Readonly<Record<string, unknown>> {
  const body =
    before === null
      ? { n: 0, read: 0 }
      : { n: `{{ steps.${before}.output.body.n }}`, read: `{{ steps.${before}.output.body.call }}` };
  return { id, type: "http", method: "POST", url, body };
}
