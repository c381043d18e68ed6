interface Flight<Value> {
  readonly answer: Promise<Value>;
  readonly outdate: () => void;
}

/** One call a key at a time: whoever asks meanwhile gets its answer. */
export class SingleFlight<Value> {
  private readonly flights = new Map<string, Flight<Value>>();

  /**
   * `isCurrent` tells the call whether its answer is still one for those who come after it: not when the key was
   * outdated meanwhile.
   */
  run(key: string, call: (isCurrent: () => boolean) => Promise<Value>): Promise<Value> {
    const flying = this.flights.get(key);
    if (flying) return flying.answer;
    let current = true;
    const answer = call(() => current).finally(() => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    const flight: Flight<Value> = { answer, outdate: () => void (current = false) };
    this.flights.set(key, flight);
    return answer;
  }

  /** What is under way for the key may have been read before a change: the next caller asks anew. */
  outdate(key: string): void {
    const flight = this.flights.get(key);
    if (!flight) return;
    flight.outdate();
    this.flights.delete(key);
  }

  outdateAll(): void {
    for (const key of Array.from(this.flights.keys())) this.outdate(key);
  }
}
