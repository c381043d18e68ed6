import type { DocumentLimits, TextOptions } from "./documents.ts";
import type { DocumentKind } from "./kinds.ts";
import type { ProblemKind } from "./problem.ts";

/** What the thread that reads is asked, one at a time. */
export interface ReadJob extends TextOptions {
  readonly kind: DocumentKind;
  readonly bytes: Uint8Array;
  readonly limits: DocumentLimits;
}

export type ReadAnswer = { readonly text: string } | { readonly problem: ProblemKind; readonly reason: string };
