/** What processes say of themselves, as far as it is measured. */
export interface Counted {
  readonly owns: boolean;
  readonly load: number;
  readonly loopDelayMs: number;
}

/** The processes on the store, this one first, and how evenly work lies on them. */
export function presenceLines(
  all: readonly Counted[],
  variance: (loads: readonly number[]) => number,
): readonly string[] {
  const owners = all.filter(({ owns }) => owns).length;
  return [
    ...head("weft_workers", "Processes on the store, by whether they advance runs or only do tasks."),
    `weft_workers{state="owner"} ${owners}`,
    `weft_workers{state="worker"} ${all.length - owners}`,
    ...head("weft_load_variance", "Population variance of how busy the processes are, in percent squared."),
    `weft_load_variance ${variance(all.map(({ load }) => load))}`,
    ...head("weft_event_loop_delay_seconds", "How late the event loop of this process is, at the 99th percentile."),
    `weft_event_loop_delay_seconds ${(all[0]?.loopDelayMs ?? 0) / 1000}`,
  ];
}

function head(name: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
}
