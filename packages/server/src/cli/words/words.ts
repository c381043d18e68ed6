/** A sentence of the command line in both its languages. `{names}` are replaced when it is said. */
export interface Word {
  readonly en: string;
  readonly zh: string;
}

export type Words = Readonly<Record<string, Word>>;
