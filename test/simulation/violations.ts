/** What the checker found: an invariant of the reliability reference that did not hold. */
export interface Violation {
  readonly invariant: "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I8" | "H1" | "S1" | "engine";
  readonly run: string;
  readonly what: string;
}

export class Violations {
  readonly found: Violation[] = [];

  add(invariant: Violation["invariant"], run: string, what: string): void {
    this.found.push({ invariant, run, what });
  }
}
