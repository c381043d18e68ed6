/**
 * Why a document is not read. `type`: of a kind that nobody here reads. `damaged`: it is not what it says it is.
 * `limit`: it takes more than a document may.
 */
export type ProblemKind = "type" | "damaged" | "limit";

/** What the parts of the reader throw; the reader makes the product's error of it, with the name of the file. */
export class DocumentProblem extends Error {
  override readonly name = "DocumentProblem";
  readonly kind: ProblemKind;

  constructor(kind: ProblemKind, reason: string) {
    super(reason);
    this.kind = kind;
  }
}

export function damaged(reason: string): DocumentProblem {
  return new DocumentProblem("damaged", reason);
}

export function beyond(reason: string): DocumentProblem {
  return new DocumentProblem("limit", reason);
}
