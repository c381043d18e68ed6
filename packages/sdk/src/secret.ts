/** A secret without its value, which never leaves the server. */
export interface SecretListing {
  readonly name: string;
  /** Where it is: a variable of the server, a file that a variable names, or the encrypted store. */
  readonly source: "environment" | "file" | "store";
  /** Hosts that may know it. Empty: only an origin that is written out in the step's url. */
  readonly hosts: readonly string[];
  /** When it was stored; null outside of the store. */
  readonly updated_at: string | null;
  /** Whether one of the environment with the same name is used in its place. */
  readonly hidden: boolean;
}

/** What `PUT /api/secrets/{name}` takes. */
export interface SecretUpdate {
  readonly value: string;
  /** Left out: those it has. */
  readonly hosts?: readonly string[];
}
