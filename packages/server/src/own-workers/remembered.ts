/** The newest values by key, up to a number of them. */
export class Remembered<Value> {
  private readonly max: number;
  private readonly values = new Map<string, Value>();

  constructor(max: number) {
    this.max = max;
  }

  get(key: string): Value | undefined {
    return this.values.get(key);
  }

  set(key: string, value: Value): void {
    this.values.delete(key);
    this.values.set(key, value);
    if (this.values.size <= this.max) return;
    for (const oldest of this.values.keys()) {
      this.values.delete(oldest);
      break;
    }
  }

  delete(key: string): void {
    this.values.delete(key);
  }
}
