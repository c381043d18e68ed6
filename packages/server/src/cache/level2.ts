/**
 * A cache beside the processes, for what never changes under its key. Best effort: what is not there, or not soon, is read
 * from where it came. Never throws.
 */
export interface Level2 {
  get(key: string): Promise<string | null>;
  set(key: string, text: string): Promise<void>;
  close(): Promise<void>;
}
